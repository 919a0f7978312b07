"""Arrow against PEFT's own, and its edge cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from peft.tuners.lora import ArrowConfig, create_arrow_model

from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import ModuleInput
from analysis.methods import fuse
from analysis.methods.routed.arrow import ArrowRule, directions_of
from analysis.models.adapters import Factor, load_adapter
from analysis.models.collection import AdapterEntry
from tests import tiny

IDS_RT = torch.tensor([[2, *range(40, 52)]])


@pytest.mark.parametrize("top", [1, 2, 3])
def test_it_gives_the_states_that_pefts_arrow_gives(tmp_path: Path, top: int) -> None:
    model = tiny.model("llama", dtype=torch.float32)
    # One large direction each, which PEFT's fifteen power iterations find, too.
    paths = [
        tiny.write_adapter(tmp_path / f"a{index}", model, seed=index + 1, strength=0.3, rank=1)
        for index in range(4)
    ]
    adapters = [load_adapter(model, AdapterEntry(path.name, "", "other", path)) for path in paths]
    mixture = Mixture(model, adapters)
    rule = rule_of({adapter.name: adapter.factors for adapter in adapters})
    rule = type(rule)(rule.names, rule.directions, top)
    with torch.inference_mode(), mixture.rows_of([rule]).on():
        found = model.base_model(IDS_RT, use_cache=False).last_hidden_state
    config = ArrowConfig(top_k=top, router_temperature=1.0)
    peft = create_arrow_model(
        base_model=tiny.model("llama", dtype=torch.float32),
        task_specific_adapter_paths=[str(path) for path in paths],
        arrow_config=config,
    )
    with torch.inference_mode():
        expected = (
            peft.eval().base_model.model.base_model(IDS_RT, use_cache=False).last_hidden_state
        )
    error = float((found - expected).abs().max() / expected.abs().max())
    assert error < 1e-4
    with torch.inference_mode():
        plain = model.base_model(IDS_RT, use_cache=False).last_hidden_state
    assert float((plain - expected).abs().max() / expected.abs().max()) > 100 * error


def rule_of(adapters: Mapping[str, Mapping[str, Factor]]) -> ArrowRule:
    return ArrowRule(tuple(adapters), directions_of(adapters))


def factor(seed: int, rank: int = 4) -> Factor:
    generator = torch.Generator().manual_seed(seed)
    return Factor(
        torch.randn(rank, 12, generator=generator, dtype=torch.float64),
        torch.randn(20, rank, generator=generator, dtype=torch.float64),
    )


def weights(rule, x_RTI: torch.Tensor) -> torch.Tensor:
    return rule.weights(ModuleInput("m", 0, x_RTI, x_RTI))


def test_directions_are_the_top_right_singular_vectors() -> None:
    rule = rule_of({"a": {"m": factor(1)}, "b": {"m": factor(2)}})
    for place, seed in enumerate((1, 2)):
        made = factor(seed)
        right = torch.linalg.svd(made.b_Or @ made.a_rI).Vh[0]
        assert float((rule.directions.maps["m"][place, 0] @ right).abs()) == pytest.approx(1.0)


def test_weights_by_hand() -> None:
    x_RTI = torch.randn(2, 3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = {name: {"m": factor(seed)} for seed, name in enumerate("abcd")}
    rule = rule_of(made)
    found = weights(rule, x_RTI)
    for row in range(2):
        for token in range(3):
            x_I = x_RTI[row, token]
            directions_KI = rule.directions.maps["m"][:, 0]
            scores = (directions_KI @ x_I).abs()
            kept = scores.sort(descending=True).indices[:3]
            expected = torch.zeros(4, dtype=torch.float64)
            expected[kept] = scores[kept].exp() / scores[kept].exp().sum()
            assert torch.allclose(found[row, token], expected)
    assert torch.allclose(found.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    assert torch.equal(weights(rule, -x_RTI), found), "the sign of a direction has no meaning"


def test_an_adapter_that_changes_nothing_gets_nothing() -> None:
    silent = Factor(torch.zeros(4, 12).double(), torch.ones(20, 4).double())
    rule = rule_of({"silent": {"m": silent}, "a": {"m": factor(1)}, "absent": {}})
    found = weights(rule, torch.randn(1, 5, 12).double())
    assert torch.equal(found[..., 0], torch.zeros(1, 5).double())
    assert torch.equal(found[..., 1], torch.ones(1, 5).double())
    assert torch.equal(found[..., 2], torch.zeros(1, 5).double())


def test_a_module_that_no_adapter_changes_has_no_weights() -> None:
    silent = Factor(torch.zeros(4, 12).double(), torch.ones(20, 4).double())
    found = weights(rule_of({"silent": {"m": silent}}), torch.randn(1, 5, 12).double())
    assert torch.equal(found, torch.zeros(1, 5, 1).double())


def test_half_precision_does_not_blur_close_scores() -> None:
    made = {name: {"m": factor(seed)} for seed, name in enumerate("abcd")}
    halved = {
        name: {"m": Factor(own["m"].a_rI.bfloat16(), own["m"].b_Or.bfloat16())}
        for name, own in made.items()
    }
    x_RTI = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = weights(rule_of(halved), x_RTI)
    exact = weights(rule_of(halved), x_RTI.double())
    assert torch.allclose(found.double(), exact, atol=1e-5)


def test_queries_share_the_directions_and_the_rule(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    both, one, again = (
        fuse(["arrow"], engine.context(engine.prompt(query), names))[0].policy
        for query, names in (
            ("Where is it?", ["math", "spanish"]),
            ("Where is it?", ["spanish"]),
            ("Paris", ["math", "spanish"]),
        )
    )
    assert isinstance(both, ArrowRule) and isinstance(one, ArrowRule)
    assert (both.names, one.names) == (("math", "spanish"), ("spanish",))
    assert both.directions is one.directions, "they would take room for each choice of adapters"
    assert both is again, "rows with the same rule are computed together"
