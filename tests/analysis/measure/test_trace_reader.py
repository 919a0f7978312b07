"""What is read ahead is there when it is wanted, and never in the way of a request."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.measure.divergence import measure
from analysis.measure.lenses import bind_lens
from analysis.measure.metrics import metrics
from analysis.measure.trace import KEPT
from analysis.methods import fuse
from analysis.models.peft_files import reading
from tests import tiny
from tests.analysis.engine.test_economy import counted

QUERY = "María tiene 3 manzanas y compra 5 más."
LONG = 60.0


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many states each pass of the LM head reads."""
    passes: list[int] = []
    logits = Head.logits
    monkeypatch.setattr(
        Head,
        "logits",
        lambda self, states, *part: passes.append(len(states)) or logits(self, states, *part),
    )
    return passes


def test_after_reading_ahead_only_a_lens_costs_a_pass_of_the_head(
    tmp_path: Path, heads: list[int]
) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    with counted(model) as calls:
        for name in ("norm", "raw"):
            heads.clear()
            first = engine.divergence(trace, name)
            engine.cell(trace, 1, "math", name)
            assert heads == [3 * engine.layers, 2]
            engine.read_ahead(trace, name, 1, "math")
            assert engine.background.wait_until_done(LONG)
            heads.clear()
            for position in KEPT:
                engine.cell(trace, 1, "math", name, position)
                for metric in metrics():
                    found = engine.divergence(trace, name, position, metric)
                    assert (found.lens, found.position, found.metric) == (name, position, metric)
            assert torch.equal(engine.divergence(trace, name).values_LK, first.values_LK)
            # A cell that is chosen later costs its own two positions, and nothing again.
            engine.read_ahead(trace, name, 0, "spanish")
            assert engine.background.wait_until_done(LONG)
            engine.read_ahead(trace, name, 0, "spanish")
            assert engine.background.wait_until_done(LONG)
            assert heads == [2, 2]
        assert calls == []


def test_what_is_read_ahead_is_what_would_have_been_read(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    engine.read_ahead(trace, "raw", 0, "math")
    assert engine.background.wait_until_done(LONG)
    for metric in metrics():
        (alone,) = measure(trace, Head.of(model), bind_lens("raw"), "prompt", [metric])
        found = engine.divergence(trace, "raw", "prompt", metric)
        torch.testing.assert_close(found.values_LK, alone.values_LK, rtol=1e-12, atol=1e-300)
        assert torch.equal(found.peak_L, alone.peak_L)


def test_nothing_is_read_ahead_while_an_answer_is_open(tmp_path: Path, heads: list[int]) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    steps = engine.answer(trace.prompt, fuse(["base"], engine.context(trace.prompt)), new_tokens=4)
    next(steps)
    heads.clear()
    engine.read_ahead(trace, "norm", 0, "math")
    assert not engine.background.wait_until_done(0.05)
    assert heads == []
    steps.close()  # type: ignore[attr-defined]
    assert engine.background.wait_until_done(LONG)
    assert sorted(heads) == [2, 2, 3 * engine.layers, 3 * engine.layers]


def test_what_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    engine: Engine = tiny.tiny_engine(tmp_path)[0]
    trace = engine.trace(QUERY)
    with pytest.raises(InputError, match="no lens 'nope'"):
        engine.read_ahead(trace, "nope", 0, "math")
    with pytest.raises(InputError, match="no cell at layer 9"):
        engine.read_ahead(trace, "norm", 9, "math")


def test_states_that_are_not_finite_are_refused_with_the_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No adapter that is read takes a base this small so far.
    monkeypatch.setattr(reading, "_MOST_NORM", 1e40)
    adapters = {"math": {"rank": 2}, "huge": {"rank": 2, "alpha": 1e36}}
    engine = tiny.tiny_engine(tmp_path, adapters, family="gpt2", dtype=torch.float32)[0]
    with pytest.raises(InputError, match=r"^Adapter huge: .* in layer \d, .*correct its alpha"):
        engine.trace(QUERY)
    assert engine.trace(QUERY, ("math",)).adapters == ("math",)


def test_the_widest_trace_serves_its_parts_whatever_is_traced_after_it(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, {name: {"rank": 2} for name in "abc"})
    wide = engine.trace(QUERY, ("a", "b"))
    with counted(model) as calls:
        engine.trace(QUERY, ("c",))
        assert len(calls) == 1
        part = engine.trace(QUERY, ("b",))
        assert len(calls) == 1 and torch.equal(part.hidden_RLPD, wide.hidden_RLPD[[0, 2]])
        engine.trace(QUERY)
        engine.trace(QUERY, ("a", "c"))
        assert len(calls) == 2, "a wider trace takes its place"
        engine.kept.drop(lambda key: isinstance(key, tuple) and key[-1] == tuple("abc"))
        engine.trace(QUERY, ("c", "b"))
        engine.trace(QUERY, ("c",))
        assert len(calls) == 3, "one that is gone gives its place to a smaller one"
