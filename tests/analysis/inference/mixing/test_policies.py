"""A row with a rule computes what the model with the rule's weights at each token would compute."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from analysis.common.errors import InputError
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import ConstantWeights, ModuleInput, WeightRule
from analysis.inference.mixing.policy_weights import WeightRecorder
from analysis.inference.mixing.sites import layer_of
from analysis.models.adapters import Adapter, load_adapter
from analysis.models.collection import AdapterEntry
from tests import tiny

IDS_T = torch.tensor([2, *range(40, 60), 7, 300, 41])  # longer than the tiny sliding windows


@dataclass(frozen=True)
class ByNorms(WeightRule):
    """Weights that depend on the module's input, on the block's input, and on the module."""

    names: tuple[str, ...]
    seen: list[str] = field(default_factory=list, compare=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        self.seen.append(at.module)
        return expected_weights(at.input_RTI, at.block_input_RTD, at.layer, len(self.names))


def expected_weights(x_RTI: Tensor, block_RTD: Tensor, layer: int, count: int) -> Tensor:
    """`tanh(‖x‖) / (1 + layer) + j ‖block input‖ / 10` for adapter j."""
    own_RT1 = x_RTI.norm(dim=-1, keepdim=True).tanh() / (1 + layer)
    block_RT1 = block_RTD.norm(dim=-1, keepdim=True) / 10
    return own_RT1 + torch.arange(count).to(x_RTI) * block_RT1


def adapters_of(model: PreTrainedModel, folder: Path, family: str) -> list[Adapter]:
    first, *_, last = tiny.linears(family)
    options: list[dict[str, Any]] = [
        {"rank": 4},
        {"rank": 2, "targets": [first], "dora": True},
        {"rank": 3, "layers": [1, 2], "rank_pattern": {last: 5}},
    ]
    made = []
    for index, option in enumerate(options):
        path = tiny.write_adapter(
            folder / str(index), model, seed=index + 1, strength=0.1, **option
        )
        made.append(load_adapter(model, AdapterEntry(f"a{index}", "", "other", path)))
    return made


def slow(model: PreTrainedModel, adapters: list[Adapter], layers: int) -> Tensor:
    """The last states of a model whose linears add `Σ_j w_j(x) ΔW_j x` by themselves."""
    handles = []
    block_input: dict[int, Tensor] = {}
    modules = dict(model.named_modules())

    def keep(layer: int) -> Any:
        def hook(_: nn.Module, args: Any, kwargs: Any) -> None:
            block_input[layer] = args[0] if args else kwargs["hidden_states"]

        return hook

    def add(name: str, layer: int) -> Any:
        def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor:
            w_RTK = expected_weights(args[0], block_input[layer], layer, len(adapters))
            for place, adapter in enumerate(adapters):
                if name in adapter.factors:
                    a_rI, b_Or = adapter.factors[name].pair()
                    delta_OI = b_Or @ a_rI
                    output = output + w_RTK[..., place, None] * (args[0] @ delta_OI.T)
            return output

        return hook

    try:
        blocks = {
            name: module
            for name, module in modules.items()
            if name.endswith(
                tuple(
                    f"{kind}.{layer}"
                    for kind in ("layers", "h", "blocks")
                    for layer in range(layers)
                )
            )
        }
        for name, block in blocks.items():
            layer = int(name.rsplit(".", 1)[1])
            handles.append(block.register_forward_pre_hook(keep(layer), with_kwargs=True))
        for name, module in modules.items():
            if isinstance(module, nn.Linear | Conv1D) and any(
                name in adapter.factors for adapter in adapters
            ):
                handles.append(module.register_forward_hook(add(name, layer_of(name, layers))))
        with torch.inference_mode():
            return model.base_model(IDS_T[None], use_cache=False).last_hidden_state[0]
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_rule_is_evaluated_for_each_token_and_module(family: str, tmp_path: Path) -> None:
    model = tiny.model(family, dtype=torch.float64)
    adapters = adapters_of(model, tmp_path, family)
    mixture = Mixture(model, adapters)
    names = mixture.adapters
    constant = ConstantWeights(names, torch.rand(mixture.layers, 3, dtype=torch.float64))
    nothing = ConstantWeights((), torch.zeros(mixture.layers, 0))
    rule = ByNorms(names)
    backwards = ByNorms(names[::-1])
    policies = [nothing, rule, constant, rule, backwards]
    with torch.inference_mode():
        with mixture.rows_of(policies).on():
            found = model.base_model(IDS_T.expand(5, -1), use_cache=False).last_hidden_state
        alone = model.base_model(IDS_T[None], use_cache=False).last_hidden_state[0]
        with mixture.rows_of([constant]).on():
            mixed = model.base_model(IDS_T[None], use_cache=False).last_hidden_state[0]
    expected = slow(model, adapters, mixture.layers)
    assert float((found[1] - expected).abs().max() / expected.abs().max()) < 1e-10
    assert torch.equal(found[1], found[3])
    backward = slow(model, adapters[::-1], mixture.layers)
    assert float((found[4] - backward).abs().max() / backward.abs().max()) < 1e-10
    # Neighbours with a rule change nothing for rows without.
    assert float((found[0] - alone).abs().max() / alone.abs().max()) < 1e-12
    assert float((found[2] - mixed).abs().max() / mixed.abs().max()) < 1e-12
    # Rows with the same rule are computed together.
    assert len(rule.seen) == len({name for adapter in adapters for name in adapter.factors})
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_weights_of_a_rule_are_recorded_over_all_tokens(tmp_path: Path) -> None:
    model = tiny.model("llama", dtype=torch.float64)
    adapters = adapters_of(model, tmp_path, "llama")
    mixture = Mixture(model, adapters)
    given: list[tuple[int, list[int], Tensor]] = []

    class Told(ByNorms):
        def weights(self, at: ModuleInput) -> Tensor:
            weights_RTK = super().weights(at)
            covering = [place for place, one in enumerate(adapters) if at.module in one.factors]
            given.append((at.layer, covering, weights_RTK[1][:, covering]))
            return weights_RTK

    recorder = WeightRecorder(mixture.adapters, mixture.layers)
    # Of a rule's three rows one is asked for, and in the second pass all fails.
    rows = mixture.rows_of([Told(mixture.adapters)] * 3, [None, recorder, None])
    ids_RT = torch.stack([IDS_T, IDS_T.flip(0), IDS_T])
    with torch.inference_mode():
        with rows.on():
            model.base_model(ids_RT, use_cache=False)
        passed = len(given)
        with pytest.raises(ArithmeticError), rows.on():
            model.base_model(ids_RT, use_cache=False)
            raise ArithmeticError
        with rows.on():
            pass
    del given[passed:]
    found = recorder.result()
    assert not found.constant and found.adapters == mixture.adapters
    for layer in range(mixture.layers):
        for adapter in range(3):
            parts = [
                weights_TK[:, covering.index(adapter)]
                for where, covering, weights_TK in given
                if where == layer and adapter in covering
            ]
            if not parts:
                assert found.mean_LK[layer, adapter] == found.deviation_LK[layer, adapter] == 0
                continue
            seen = torch.cat(parts)
            assert len(seen) == len(parts) * len(IDS_T)
            assert float(found.mean_LK[layer, adapter]) == pytest.approx(float(seen.mean()))
            deviation = float(seen.std(correction=0))
            assert float(found.deviation_LK[layer, adapter]) == pytest.approx(deviation, abs=1e-7)


@pytest.mark.parametrize(
    ("weights_LK", "message"),
    [
        (torch.zeros(3, 2), r"\(3, 2\).*1 adapters"),
        (torch.zeros(3), r"\(3,\)"),
        (torch.tensor([[torch.nan]]), "NaN"),
        (torch.tensor([[torch.inf]]), "infinite"),
    ],
)
def test_weights_that_mean_nothing_are_refused(weights_LK: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ConstantWeights(("math",), weights_LK)


@dataclass(frozen=True, eq=False)
class Wrong(WeightRule):
    """A rule with a fault."""

    names: tuple[str, ...]
    fault: str

    @property
    def adapters(self) -> tuple[str, ...]:
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        weights_RTK = torch.ones(*at.input_RTI.shape[:2], len(self.names))
        return weights_RTK[..., :1] if self.fault == "shape" else weights_RTK / 0


@pytest.mark.parametrize(
    ("fault", "message"), [("shape", r"Wrong gives weights of shape"), ("zero", "NaN or infinite")]
)
def test_a_rule_that_gives_no_weights_is_refused_by_name(
    fault: str, message: str, tmp_path: Path
) -> None:
    model = tiny.model("llama", dtype=torch.float32)
    mixture = Mixture(model, adapters_of(model, tmp_path, "llama"))
    with (
        torch.inference_mode(),
        mixture.rows_of([Wrong(mixture.adapters, fault)]).on(),
        pytest.raises(InputError, match=message),
    ):
        model.base_model(IDS_T[None], use_cache=False)
