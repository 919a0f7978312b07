"""Every family that the engine takes gives what PEFT and merged weights give; others are refused.

The bases differ in the names of their parts, fused projections, logit scales and caps, experts,
and in blocks that keep states instead of keys and values.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor
from torch.func import functional_call
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.checks import self_check
from analysis.inference.decoding.lock_step import LockStep
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.sites import layer_of, site_of
from analysis.inference.passes.layer_states import find_blocks
from analysis.inference.runner import ModelRunner
from analysis.inference.sharing.running_rows import RequestedRows
from analysis.inference.vocabulary import Vocabulary
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry
from tests import families, tiny

IDS = (2, *range(40, 62))
WEIGHTS_RLK = torch.tensor(
    [
        [[0, 0], [0, 0]],
        [[1, 0], [1, 0]],
        [[0, 1], [0, 1]],
        [[0.3, 0.7], [-0.4, 1.2]],
    ],
    dtype=torch.float64,
)
# Their blocks compute in float32 whatever the weights are in, and rounding may fall either way.
ROUNDED = {
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "falcon_h1", "bamba", "jamba"), 1e-5),
    "bloom": 1e-7,
}


@dataclass(frozen=True)
class Case:
    model: PreTrainedModel
    runner: ModelRunner
    alone: list[PreTrainedModel]

    def merged(self, weights_LK: Tensor) -> dict[str, Tensor]:
        changed: dict[str, Tensor] = {}
        modules = dict(self.model.named_modules())
        for weight_L, peft in zip(weights_LK.T, self.alone, strict=True):
            for name, layer in peft.named_modules():
                if isinstance(layer, LoraLayer):
                    own = modules[name].weight
                    weight = float(weight_L[layer_of(name, 2)])
                    delta = weight * layer.get_delta_weight("default")
                    changed[f"{name}.weight"] = changed.get(f"{name}.weight", own) + delta
        return changed

    def logits(self, weights_LK: Tensor, ids_RT: Tensor) -> Tensor:
        with torch.inference_mode():
            merged = self.merged(weights_LK)
            return functional_call(self.model, merged, (ids_RT,), {"use_cache": False}).logits


@cache
def case(family: str, dtype: torch.dtype = torch.float64) -> Case:
    base = families.model(family, dtype)
    targets = families.linears(base)
    adapters, alone = [], []
    with TemporaryDirectory() as folder:
        for index, own in enumerate((targets, targets[:2])):
            path = Path(folder) / str(index)
            tiny.write_adapter(
                path, base, rank=3 - index, targets=own, strength=0.1, seed=index + 1
            )
            adapters.append(load_adapter(base, AdapterEntry(f"a{index}", "", "other", path)))
            peft = PeftModel.from_pretrained(
                copy.deepcopy(base), str(path), autocast_adapter_dtype=False
            )
            alone.append(peft.base_model.model.eval())
    return Case(base, ModelRunner(base, Vocabulary(tiny.tokenizer()), adapters), alone)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("family", families.FAMILIES)
def test_rows_are_the_base_peft_and_merged_weights(family: str) -> None:
    one, ids_1T = case(family), torch.tensor([IDS])
    applied = one.runner.decoding.mixture.rows(WEIGHTS_RLK)
    with torch.inference_mode():
        with applied.on():
            found_RTV = one.model(ids_1T.expand(4, -1), use_cache=False).logits
        alone = [model(ids_1T, use_cache=False).logits[0] for model in (one.model, *one.alone)]
    expected = [*alone, one.logits(WEIGHTS_RLK[3], ids_1T)[0]]
    worst = [error(found, wanted) for found, wanted in zip(found_RTV, expected, strict=True)]
    assert max(worst) <= ROUNDED.get(family, 1e-10)
    assert error(found_RTV[1], found_RTV[0]) > 1e-3 < error(found_RTV[2], found_RTV[3])


@pytest.mark.parametrize("family", families.FAMILIES)
def test_traces_keep_their_prefix_and_answers_their_positions(family: str) -> None:
    one, adapters = case(family), ("a0", "a1")
    places = range(19, len(IDS))
    whole_RLPD = one.runner.hidden(IDS, adapters, places)
    for _ in range(2):  # run, then kept
        kept_RLPD = one.runner.hidden(IDS, adapters, places, prefix=17)
        assert error(kept_RLPD, whole_RLPD) <= max(1e-6, ROUNDED.get(family, 0.0))

    # Two prompts of the same length, because masks of some families overflow in float64.
    prompts = [IDS[:9], IDS[9:18]]
    policies = [ConstantWeights(adapters, WEIGHTS_RLK[row].float()) for row in (3, 0)]
    ids = [list(prompt) for prompt in prompts]
    asked = RequestedRows(tuple(map(tuple, prompts)), tuple(policies), 4, Sampling(), ())
    for step in one.runner.decode(asked):
        for token in step.tokens:
            ids[token.row].append(token.id)
    for row, weights_LK in ((0, WEIGHTS_RLK[3]), (1, WEIGHTS_RLK[0])):
        logits_TV = one.logits(weights_LK, torch.tensor([ids[row]]))[0]
        for place in range(9, len(ids[row])):
            assert int(logits_TV[place - 1].argmax()) == ids[row][place]


@pytest.mark.parametrize("family", families.FAMILIES)
def test_signals_and_shortlists_read_what_the_modules_see(family: str) -> None:
    one, place = case(family), 12
    deltas = {
        # Of GPT-2's modules the weights are [inputs, outputs].
        name: layer.get_delta_weight("default").T
        if layer.fan_in_fan_out
        else layer.get_delta_weight("default")
        for name, layer in one.alone[1].named_modules()
        if isinstance(layer, LoraLayer)
    }
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    states: list[Tensor] = []
    acts = False

    def hook(name: str) -> Callable[..., Tensor]:
        def see(_: object, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            # Whatever its shape, the tokens of the one row come last but for the width.
            seen[name] = args[0].flatten(0, -2).clone(), output.flatten(0, -2).clone()
            if acts and name in deltas:
                output = output.clone()
                output.view(-1, output.shape[-1])[-3:] += seen[name][0][-3:] @ deltas[name].T
            return output

        return see

    def keep(_: object, args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states.append((output if isinstance(output, Tensor) else output[0])[0, -1])

    modules = one.runner.modules
    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    handles += [block.register_forward_hook(keep) for block in find_blocks(one.model, 2)]
    with torch.inference_mode():
        for acting in (True, False):
            acts = acting
            one.model(torch.tensor([IDS[: place + 1]]), use_cache=False)
    for handle in handles:
        handle.remove()
    exact = ROUNDED.get(family, 1e-6)

    # The adapter acts on the last tokens alone; on all where a base cannot continue kept states.
    found_RLD = one.runner.tail_states(IDS, ("a1",), [place], place - 2, 2)[:, :, 0]
    expected_RLD = torch.stack([torch.stack(states[2:]), torch.stack(states[:2])])
    if one.runner.decoding.piece_tokens is None:
        assert family == "jamba"
        expected_RLD = one.runner.hidden(IDS, ("a1",), [place])[:, :, 0]
    assert error(found_RLD, expected_RLD) <= exact
    assert error(found_RLD[1], found_RLD[0]) > 1e-3
    kept = one.runner.trace(IDS, ("a0",), [3, place]).module_inputs
    assert set(kept) == set(seen) and len(seen) >= len(deltas) > 0
    for name, x_PI in kept.items():
        assert error(x_PI, seen[name][0][[3, place]]) <= 10 * exact
    read: dict[str, tuple[Tensor, Tensor]] = {}
    one.runner.base.read_modules(
        IDS[: place + 1], lambda *given: read.update({given[0]: given[1:]})
    )
    assert set(read) == set(seen)
    for name, (x_TI, own_TO) in read.items():
        bias = getattr(modules[name], "bias", None)
        expected_TO = seen[name][1] if bias is None else seen[name][1] - bias
        assert error(x_TI, seen[name][0]) <= exact and error(own_TO, expected_TO) <= exact


@pytest.mark.parametrize("family", families.FAMILIES)
def test_float32_rows_are_the_base_peft_and_merged_weights(family: str) -> None:
    one, ids_1T = case(family, torch.float32), torch.tensor([IDS])
    with torch.inference_mode():
        with one.runner.decoding.mixture.rows(WEIGHTS_RLK).on():
            found_RTV = one.model(ids_1T.expand(4, -1), use_cache=False).logits
        alone = [model(ids_1T, use_cache=False).logits[0] for model in (one.model, *one.alone)]
    expected = [*alone, one.logits(WEIGHTS_RLK[3], ids_1T)[0]]
    for found_TV, wanted_TV in zip(found_RTV, expected, strict=True):
        assert error(found_TV, wanted_TV) <= 1e-5


def test_there_are_many_families() -> None:
    assert len(families.FAMILIES) >= 20


@pytest.mark.parametrize(
    "family", ["gemma2", "qwen2_moe", "lfm2", "qwen3_next", "falcon_h1", "bamba", "jamba"]
)
def test_answers_that_share_a_prompt_have_the_losses_that_they_have_alone(family: str) -> None:
    one = case(family, torch.float32)
    policy = ConstantWeights(("a0", "a1"), WEIGHTS_RLK[3].float())
    answers = [IDS[8:12], IDS[2:4], IDS[5:10]]
    found = one.runner.answer_losses([IDS[:7]] * 3, answers, [policy] * 3)
    for answer, loss_T in zip(answers, found, strict=True):
        (alone_T,) = one.runner.answer_losses([IDS[:7]], [answer], [policy])
        torch.testing.assert_close(loss_T, alone_T, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "family", ["gemma2", "qwen2_moe", "lfm2", "qwen3_next", "falcon_h1", "bamba", "jamba"]
)
def test_rows_that_end_early_leave_the_others_as_they_are(family: str) -> None:
    one = case(family, torch.float32)
    # Padded prompts, and rows that end one after another: each answers as alone.
    prompts = [IDS[:5], IDS[3:16], IDS[8:18]]
    policies = [ConstantWeights(("a0", "a1"), WEIGHTS_RLK[row].float()) for row in (3, 0, 1)]
    asked = [
        RequestedRows((tuple(prompt),), (policy,), 5, Sampling(), ())
        for prompt, policy in zip(prompts, policies, strict=True)
    ]
    alone = [[step.tokens[0] for step in one.runner.decode(rows)] for rows in asked]
    ended = [[token.id for token in tokens] for tokens in alone]
    # The second row ends with its second token.
    parts = dataclasses.replace(one.runner.decoding, ends=frozenset([ended[1][1]]))
    found: list[list[int]] = [[], [], []]
    for step in LockStep(parts, prompts, policies, 5, Sampling(), ()):
        for token in step.tokens:
            found[token.row].append(token.id)
    for row, tokens in enumerate(found):
        assert tokens == ended[row][: len(tokens)]
    assert len(found[1]) <= 2 < max(map(len, found))


def test_a_family_whose_cache_changes_it_is_refused_at_load() -> None:
    base = families.model("recurrent_gemma", torch.float32)
    with pytest.raises(
        InputError, match=r"^RecurrentGemma.*its cache gives other states.*another fam"
    ):
        ModelRunner(base, Vocabulary(tiny.tokenizer()), [])


@pytest.mark.parametrize("family", ["gemma2", "cohere", "gpt_neox", "recurrent_gemma"])
def test_the_check_at_load_shortens_the_head_and_gives_it_back(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_check, "COMPARED_LOGITS", 7)
    base = families.model(family, torch.float32)
    head: Any = base.get_output_embeddings()
    weight_VD, widths = head.weight, []
    hook = head.register_forward_hook(lambda *given: widths.append(given[2].shape[-1]))
    with suppress(InputError):  # of recurrent_gemma, whose cache is refused
        ModelRunner(base, Vocabulary(tiny.tokenizer()), [])
    hook.remove()
    assert widths == [7] and head.weight is weight_VD
    with torch.inference_mode():
        logits_1TV = base(torch.tensor([IDS]), use_cache=False).logits
    assert logits_1TV.shape[-1] == len(weight_VD)


def test_a_linear_whose_weight_alone_is_read_is_refused_at_load(tmp_path: Path) -> None:
    base = families.model("jamba", torch.float32)
    path = tiny.write_adapter(tmp_path, base, targets=["q_proj", "dt_proj"])
    adapter = load_adapter(base, AdapterEntry("a", "", "other", path))
    with pytest.raises(InputError, match=r"^Jamba.*mamba\.dt_proj.*no effect.*leave dt_proj out"):
        ModelRunner(base, Vocabulary(tiny.tokenizer()), [adapter])


def test_an_expert_that_sees_some_tokens_only_is_refused_at_load() -> None:
    expert = torch.nn.Linear(4, 4)
    name = "model.layers.0.mlp.experts.3.up_proj"
    modules: dict[str, torch.nn.Module] = {
        name: expert,
        "model.layers.0.mlp.experts": torch.nn.ModuleList([expert]),
    }
    with pytest.raises(InputError, match=rf"'{name}' is an expert.*leave adapters on experts out"):
        site_of(name, modules, 2, [], torch.float32)
