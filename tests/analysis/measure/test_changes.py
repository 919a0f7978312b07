"""The sizes of adapters' changes: against whole matrices, computed once, and then kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.mixing.rows import Row
from analysis.inference.mixing.sites import layer_of
from analysis.measure.baseline import neutral_queries
from analysis.measure.changes.map_norms import change_map, map_norms
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from analysis.methods.routed.spectr import SpectrRule
from analysis.models.adapters import Factor
from tests import tiny
from tests.analysis.engine.test_economy import counted
from tests.slow_rules import base_inputs, deltas_of

QUERY = "María tiene 3 manzanas y compra 5 más."


def adapters_for(family: str) -> dict[str, dict[str, Any]]:
    first, *_, last = tiny.linears(family)
    return {
        "whole": {},
        "upper": {"rank": 2, "layers": [1, 2], "rank_pattern": {last: 5}, "targets": [first, last]},
        "zero": {"strength": 0.0},
    }


@given(
    st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 99), st.integers(0, 3)
)
def test_norms_are_those_of_the_whole_change(
    rank: int, inputs: int, outputs: int, seed: int, other_rank: int
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    one = Factor(random(rank, inputs), random(outputs, rank))
    other = Factor(random(other_rank + 1, inputs), random(outputs, other_rank + 1))
    zero = Factor(random(rank, inputs), torch.zeros(outputs, rank).double())
    norms = map_norms({"one": {"m": one}, "other": {"m": other}, "zero": {"m": zero}}, change_map)
    x_NI = random(2, 3, inputs)
    found = norms.norms("m", x_NI, ("other", "zero", "one", "absent"), absent=-1)
    for place, factor in ((0, other), (2, one)):
        expected = (x_NI @ (factor.b_Or @ factor.a_rI).T).norm(dim=-1)
        assert torch.allclose(found[..., place], expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(found[..., [1, 3]], torch.full((2, 3, 2), -1.0).double())
    assert norms.norms("elsewhere", x_NI, ("one",)).tolist() == torch.zeros(2, 3, 1).tolist()


def slow_changes(
    engine: Engine, model: Any, query: str, adapters: tuple[str, ...]
) -> Mapping[str, Tensor]:
    """Absolute and relative changes, `[positions, layers, adapters]`, with whole matrices."""
    prompt = engine.prompt(query)
    deltas = deltas_of({name: engine.facts.factors(name) for name in adapters})
    found = {kind: torch.zeros(2, engine.layers, len(adapters)).double() for kind in ("abs", "rel")}
    count = torch.zeros(engine.layers, len(adapters))
    for name, (x_TI, out_TO) in base_inputs(model, prompt.ids, list(deltas)).items():
        bias = model.get_submodule(name).bias
        own_TO = out_TO if bias is None else out_TO - bias
        layer = layer_of(name, engine.layers)
        for adapter, delta_OI in deltas[name].items():
            if not bool(delta_OI.any()):
                continue
            place = adapters.index(adapter)
            count[layer, place] += 1
            for position, token in enumerate((prompt.query_last, prompt.last)):
                change = float((delta_OI @ x_TI[token]).norm())
                found["abs"][position, layer, place] += change
                found["rel"][position, layer, place] += change / float(own_TO[token].norm())
    return {kind: values / count.clamp_min(1) for kind, values in found.items()}


@pytest.mark.parametrize("family", ["gemma3", "qwen2", "gpt2"])
def test_a_querys_changes_are_those_of_whole_matrices(family: str, tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, adapters_for(family), family=family)
    names = ("zero", "upper", "whole")
    expected = slow_changes(engine, model, QUERY, names)
    trace = engine.trace(QUERY, names)
    context = engine.context(trace)
    with counted(model) as calls:
        found = engine.changes(trace)
        for place, position in enumerate(("query", "prompt")):
            assert torch.allclose(context.relative_change(position), expected["rel"][place])
            assert torch.allclose(found.absolute(position), expected["abs"][place])
        assert torch.allclose(context.relative_change("both"), expected["rel"].mean(dim=0))
        assert torch.equal(context.relative_change(), context.relative_change("query"))
        assert engine.changes(trace) is found and calls == []
    relative_LK = context.relative_change()
    assert relative_LK[:, 0].tolist() == [0, 0, 0], "an adapter of zeros changes nothing"
    assert relative_LK[0, 1] == 0 and bool((relative_LK[1:, 1:] > 0).all())
    with pytest.raises(InputError, match="'middle'"):
        context.relative_change("middle")
    assert not found.relative_PLK.is_inference()


def test_a_dora_is_measured_from_the_modules_own_output(tmp_path: Path) -> None:
    adapters = {"plain": {}, "dora": {"dora": True, "rank": 2}, "still": {"strength": 0.0}}
    engine, model, _ = tiny.tiny_engine(tmp_path, adapters, family="qwen2")
    names = ("dora", "still", "plain")
    trace = engine.trace(QUERY, names)
    expected, found = slow_changes(engine, model, QUERY, names), engine.changes(trace)
    assert torch.allclose(found.absolute_PLK, expected["abs"], rtol=1e-9)
    assert torch.allclose(found.relative_PLK, expected["rel"], rtol=1e-9)
    # Whole matrices give the same numbers, and no other adapter's matrix grows with them.
    whole = map_norms({name: engine.facts.factors(name) for name in names}, change_map)
    assert max(maps.shape[1] for maps in whole.maps.values()) >= tiny.INNER
    assert {maps.shape[1] for maps in engine.change_norms().maps.values()} == {4}
    runs = [
        base_inputs(model, engine.prompt(query).ids, list(whole.maps))
        for query in neutral_queries()
    ]
    usual = engine.neutral(names)
    for module, mean_K in usual.mean.items():
        x_NI = torch.cat([run[module][0][1:] for run in runs])
        assert torch.allclose(mean_K, whole.norms(module, x_NI, names).mean(dim=0))
    prompt = trace.prompt
    tokens = slice(prompt.query_first, prompt.query_last + 1)
    ratios_LK = torch.zeros(engine.layers, 3).double()
    for module, (x_TI, out_TO) in base_inputs(model, prompt.ids, list(whole.maps)).items():
        bias = model.get_submodule(module).bias
        own_TO = out_TO if bias is None else out_TO - bias  # type: ignore[operator]
        norms_TK = whole.norms(module, x_TI[tokens], names)
        ratio_K = (norms_TK / own_TO[tokens].norm(dim=1, keepdim=True)).mean(dim=0)
        ratios_LK[layer_of(module, engine.layers)] += ratio_K / 7
    signal = engine.relevance(prompt, names, WeightSettings(signal="change")).values_LK
    assert torch.allclose(signal, ratios_LK)
    rules = [*fuse(["spectr"], engine.context(trace)), Row("whole", SpectrRule(names, whole))]
    losses = engine.answer_losses([prompt] * 2, [prompt.ids[3:9]] * 2, rules)
    assert torch.allclose(losses[0], losses[1], rtol=1e-6)
    for name in ("seqr", "lag"):
        (row,) = fuse([name], engine.context(trace))
        (loss_T,) = engine.answer_losses([prompt], [prompt.ids[3:9]], [row])
        assert bool(loss_T.isfinite().all())


def test_usual_changes_are_those_over_the_neutral_queries(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, adapters_for("gemma3"))
    names = ("upper", "whole")
    told: list[str] = []
    queries = neutral_queries()
    with counted(model) as calls:
        found = engine.neutral(names, lambda what, share: told.append(what))
        assert calls == [(1, len(engine.prompt(query).ids)) for query in queries]
        context = engine.context(engine.prompt(QUERY), ["whole"])
        alone = context.neutral()
        assert len(calls) == len(queries) == found.queries, "one run serves every choice"
    assert told[0].startswith("neutral query 1 of") and len(set(told)) == len(queries)
    assert len(told) > 2 * len(queries), "told at each layer, where Stop ends it"
    deltas = deltas_of({name: engine.facts.factors(name) for name in names})
    runs = [base_inputs(model, engine.prompt(query).ids, list(deltas)) for query in queries]
    for module, own in deltas.items():
        # Without the first token of each prompt.
        x_NI = torch.cat([run[module][0][1:] for run in runs])
        assert len(x_NI) == found.tokens
        for place, name in enumerate(names):
            norms_N = (x_NI @ own[name].T).norm(dim=1) if name in own else torch.zeros(len(x_NI))
            assert float(found.mean[module][place]) == pytest.approx(float(norms_N.mean()))
            assert float(found.deviation[module][place]) == pytest.approx(float(norms_N.std()))
        assert torch.equal(alone.mean[module], found.mean[module][1:])
    each = [slow_changes(engine, model, query, names) for query in queries]
    for kind, read in (("abs", found.absolute), ("rel", found.relative)):
        values_QPLK = torch.stack([one[kind] for one in each])
        for position, values_QLK in (
            ("query", values_QPLK[:, 0]),
            ("prompt", values_QPLK[:, 1]),
            ("both", values_QPLK.mean(dim=1)),
        ):
            usual = read(position)
            assert usual.queries == len(queries)
            assert torch.allclose(usual.mean_LK, values_QLK.mean(dim=0))
            assert torch.allclose(usual.deviation_LK, values_QLK.std(dim=0))
    assert torch.equal(alone.relative("prompt").mean_LK, found.relative("prompt").mean_LK[:, 1:])


def test_half_precision_changes_are_near_the_exact_ones(tmp_path: Path) -> None:
    def of(dtype: torch.dtype) -> Tensor:
        folder = tmp_path / str(dtype)
        engine, _, _ = tiny.tiny_engine(folder, {"a": {}}, family="qwen2", dtype=dtype)
        return engine.context(engine.prompt(QUERY)).relative_change("prompt")

    exact_LK, found_LK = of(torch.float64), of(torch.bfloat16)
    assert found_LK.dtype == torch.float64
    assert torch.allclose(found_LK, exact_LK, rtol=0.1)
