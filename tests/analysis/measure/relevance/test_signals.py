"""Signals against whole matrices and plain formulas; their usual sizes; what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.sites import layer_of
from analysis.measure.baseline import neutral_queries
from analysis.measure.lenses import bind_lens
from analysis.measure.metrics import measure_pairs
from analysis.measure.relevance.relevance import over_usual
from analysis.measure.signals import signals
from analysis.measure.signals.entropy import CHANGE
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import counted
from tests.slow_rules import base_inputs, deltas_of

QUERY = "María tiene 3 manzanas y compra 5 más."
ADAPTERS = {
    "whole": {}, "upper": {"rank": 2, "layers": [1, 2]}, "zero": {"strength": 0.0}, "spare": {}
}  # fmt: skip
NAMES = ("zero", "upper", "whole")


def slow_ratios(engine: Engine, model: torch.nn.Module, query: str) -> dict[str, Tensor]:
    """`‖ΔW x‖ / ‖W x‖` and `|v · x| / ‖x‖` over the query's tokens, with whole matrices."""
    prompt = engine.prompt(query)
    deltas = deltas_of({name: engine.facts.factors(name) for name in NAMES})
    found = {kind: torch.zeros(engine.layers, 3).double() for kind in ("change", "spectral")}
    count = torch.zeros(engine.layers, 3)
    for name, (x_TI, out_TO) in base_inputs(model, prompt.ids, list(deltas)).items():  # type: ignore[arg-type]
        bias = model.get_submodule(name).bias
        own_TO = out_TO if bias is None else out_TO - bias  # type: ignore[operator]
        for adapter, delta_OI in deltas[name].items():
            if not bool(delta_OI.any()):
                continue
            at = layer_of(name, engine.layers), NAMES.index(adapter)
            count[at] += 1
            v_I = torch.linalg.svd(delta_OI).Vh[0]
            tokens = range(prompt.query_first, prompt.query_last + 1)
            for token in tokens:
                x_I = x_TI[token]
                change = float((delta_OI @ x_I).norm() / own_TO[token].norm())
                found["change"][at] += change / len(tokens)
                found["spectral"][at] += float((v_I @ x_I).abs() / x_I.norm()) / len(tokens)
    return {kind: values / count.clamp_min(1) for kind, values in found.items()}


@pytest.mark.parametrize("family", ["gemma3", "qwen2", "gpt2"])
def test_signals_of_modules_are_those_of_whole_matrices(family: str, tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS, family=family)
    expected, prompt = slow_ratios(engine, model, QUERY), engine.prompt(QUERY)
    for kind, values_LK in expected.items():
        settings = WeightSettings(signal=kind)
        with counted(model) as calls:
            found = engine.relevance(prompt, NAMES, settings)
            assert torch.allclose(found.values_LK, values_LK, rtol=1e-9)
            assert calls == [(1, prompt.query_last + 1)], "one row, up to the query's last token"
            again = engine.relevance(prompt, NAMES[1:], settings)
            assert torch.equal(again.values_LK, found.values_LK[:, 1:]) and len(calls) == 1
        assert found.peak_L.tolist() == [0.0] * engine.layers, "no lens saturates"


@given(st.integers(0, 999), st.floats(0.01, 20))
def test_the_change_of_entropy_is_the_difference_of_two_entropies(seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    base_V, shift_V = (torch.randn(40, generator=generator).double() for _ in range(2))

    def entropy(logits_V: Tensor) -> float:
        p_V = logits_V.softmax(0)
        return float(-(p_V * p_V.log()).sum())

    (found,) = measure_pairs([CHANGE], base_V, size * shift_V.unsqueeze(0))[:, 0].tolist()
    expected = abs(entropy(base_V + size * shift_V) - entropy(base_V))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_a_tiny_change_of_entropy_keeps_its_digits() -> None:
    base_V = torch.tensor([2.0, 0.0, -1.0]).double()
    shift_V = 1e-12 * torch.tensor([1.0, -2.0, 0.5]).double()
    p_V = base_V.softmax(0)
    # To first order H changes by −Σ p (s − E_p[s]) log p; two entropies would differ by round-off.
    expected = abs(float((p_V * (shift_V - p_V.dot(shift_V)) * p_V.log()).sum()))
    found = float(measure_pairs([CHANGE], base_V, shift_V.unsqueeze(0))[0, 0])
    assert found == pytest.approx(expected, rel=1e-9)


def test_entropy_is_read_through_the_lens_and_at_the_position(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    trace = engine.trace(QUERY, NAMES)
    for lens in ("norm", "raw"):
        values = []
        for position in ("query", "prompt"):
            hidden_RLD = trace.at(position)
            value_LK = torch.zeros(engine.layers, 3).double()
            for layer in range(engine.layers):
                states = bind_lens(lens).before_head(
                    hidden_RLD[:, layer], engine.runner.head, layer
                )
                p_RV = engine.runner.head.output(states).softmax(1)
                h_R = -(p_RV * p_RV.log()).sum(1)
                value_LK[layer] = (h_R[1:] - h_R[0]).abs()
            values.append(value_LK)
            settings = WeightSettings(lens, position, signal="entropy")
            assert torch.allclose(engine.relevance(trace, settings=settings).values_LK, value_LK)
        both = WeightSettings(lens, "both", signal="entropy")
        mean_LK = torch.stack(values).mean(0)
        assert torch.allclose(engine.relevance(trace, settings=both).values_LK, mean_LK)


@pytest.mark.parametrize("signal", list(signals()))
def test_a_relative_signal_is_over_its_mean_of_neutral_queries(signal: str, tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    raw = WeightSettings(position="both", metric="js", signal=signal)
    relative = replace(raw, relative=True)
    trace = engine.trace(QUERY, NAMES)
    assert engine.kept_relevance(trace, relative) is None, "the neutral queries were never read"
    found = engine.relevance(trace, settings=relative)
    each = [engine.relevance(engine.prompt(one), NAMES, raw) for one in neutral_queries()]
    usual_LK = torch.stack([one.values_LK for one in each]).mean(0)
    own_LK = engine.relevance(trace, settings=raw).values_LK
    assert found.usual_LK is not None and torch.allclose(found.usual_LK, usual_LK)
    assert torch.equal(found.signal_LK, own_LK)
    acts = own_LK > 0
    assert torch.allclose(found.values_LK[acts], (own_LK / usual_LK)[acts])
    assert found.values_LK[~acts].tolist() == [0.0] * int((~acts).sum())
    assert bool((~acts)[:, 0].all()), "an adapter of zeros changes nothing"
    with counted(model) as calls:
        kept = engine.kept_relevance(trace, relative)
        assert kept is not None and torch.equal(kept.values_LK, found.values_LK)
        engine.relevance(engine.prompt("Otra."), NAMES, relative)
        assert len(calls) == 1, "the usual signal is kept for every query"
        some = engine.kept_usual(("whole", "upper"), relative)
        assert some is not None and torch.allclose(some.mean_LK, usual_LK[:, [2, 1]])
        engine.usual(("spare",), relative)
        calls.clear()
        again = engine.usual(("whole", "upper"), relative)
        assert torch.equal(again.mean_LK, some.mean_LK) and calls == [], "the wider one serves on"


def test_the_divergence_as_it_is_is_the_usual_relevance_and_qa_flora_follows(
    tmp_path: Path,
) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    trace = engine.trace(QUERY, NAMES)
    divergence_LK = engine.divergence(trace).values_LK
    assert torch.equal(engine.relevance(trace).values_LK, divergence_LK)
    settings = WeightSettings(signal="change", normalisation="root")
    (row,) = fuse(["qa-flora"], engine.context(trace, settings=settings))
    own_LK = engine.relevance(trace, settings=settings).values_LK.sqrt()
    assert isinstance(row.policy, ConstantWeights)
    expected_LK = own_LK / own_LK.sum(1, keepdim=True)
    assert torch.allclose(row.policy.weights_LK, expected_LK)
    with pytest.raises(InputError, match="'loudness'"):
        engine.relevance(trace, settings=WeightSettings(signal="loudness"))


def test_a_ratio_stays_finite_where_nothing_is_usual() -> None:
    signal_LK = torch.tensor([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0]]).double()
    usual_LK = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]).double()
    found_LK = over_usual(signal_LK, usual_LK)
    assert found_LK[0].tolist() == [2.0, pytest.approx(2.0 / 0.5e-6), 0.0]
    assert bool(found_LK.isfinite().all()) and found_LK[1, 0] == 0 and found_LK[1, 1] > 1e20
