"""What is computed once stays computed: no model call, no head pass, no prefix run twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.measure.metrics import metrics
from analysis.methods import fuse
from tests import tiny

QUERY = "María tiene 3 manzanas y compra 5 más."
LONG = "<bos>" + "The capital of France is Paris, said the teacher to all of them. " * 4
FORM = LONG + "User: {query}\nAssistant: "
ADAPTERS = {"spanish": {"rank": 4}, "math": {"rank": 2}}


@contextmanager
def counted(model: PreTrainedModel) -> Iterator[list[tuple[int, ...]]]:
    """The shapes of the token ids that the model is called with."""
    calls: list[tuple[int, ...]] = []

    def count(_: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        calls.append(tuple(kwargs["input_ids"].shape))

    handle = model.base_model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


@pytest.fixture
def made(tmp_path: Path) -> tuple[Engine, PreTrainedModel]:
    return tiny.tiny_engine(tmp_path, ADAPTERS)[:2]


def test_a_trace_is_one_call_and_asking_again_is_none(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    with counted(model) as calls:
        trace = engine.trace(QUERY)
        assert calls == [(3, len(trace.prompt.ids))]
        assert engine.trace(QUERY) is trace
        for position in ("query", "prompt"):
            for metric in metrics():
                for name in ("norm", "raw"):
                    engine.divergence(trace, name, position, metric)
        engine.cell(trace, 1, "math")
        assert len(calls) == 1
        # The rows of some of the adapters are there, and so are their divergences.
        part = engine.trace(QUERY, ["math"])
        assert part.adapters == ("math",) and len(calls) == 1
        assert torch.equal(part.hidden_RLPD, trace.hidden_RLPD[[0, 2]])
        assert torch.equal(
            engine.divergence(part).values_LK, engine.divergence(trace).values_LK[:, 1:]
        )
        engine.trace(QUERY + " ")
        assert len(calls) == 2


def test_only_a_new_lens_or_position_reads_the_layers_again(
    made: tuple[Engine, PreTrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = made
    trace = engine.trace(QUERY)
    passes: list[int] = []
    logits = Head.logits
    monkeypatch.setattr(
        Head, "logits", lambda self, states: passes.append(len(states)) or logits(self, states)
    )
    engine.divergence(trace)
    engine.divergence(trace)
    assert len(passes) == 1
    for metric in metrics():
        engine.divergence(trace, metric=metric)
    assert len(passes) == 2  # the other metrics share one pass
    engine.divergence(trace, "raw")
    engine.divergence(trace, "raw")
    assert len(passes) == 3


def test_an_answer_needs_no_trace_but_for_qa_flora(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    prompt = engine.prompt(QUERY)
    context = engine.context(prompt)
    with counted(model) as calls:
        fuse(["base", "static", "sum", "adapter:math"], context)
        assert calls == []
        fuse(["qa-flora", "static"], context)
        assert calls == [(3, len(prompt.ids))]
        calls.clear()
        for step in engine.answer(prompt, fuse(["qa-flora", "base"], context), new_tokens=4):
            last = step.index
        assert len(calls) == last + 1


@pytest.mark.parametrize("family", ["gemma3", "llama", "mistral"])
def test_a_long_prefix_runs_once_and_changes_nothing(tmp_path: Path, family: str) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path / "a", ADAPTERS, family=family, form=FORM)
    fresh, _, _ = tiny.tiny_engine(tmp_path / "b", ADAPTERS, family=family, form=FORM)
    prefix = engine.prompt(QUERY).query_first
    assert prefix > 20
    engine.trace("María come.")
    with counted(model) as calls:
        engine.trace("Another")  # begins with the same prefix, cut otherwise at the seam
        found = engine.trace(QUERY)
        longer = engine.trace(QUERY + " ¿Y ahora?")
    rests = [len(engine.prompt("Another").ids), len(found.prompt.ids), len(longer.prompt.ids)]
    assert calls == [(3, rest - prefix) for rest in rests]
    for trace in (found, longer):
        # Where the query is all of the prompt, there is no prefix to keep.
        whole = fresh.trace(replace(trace.prompt, query_first=0))
        torch.testing.assert_close(trace.hidden_RLPD, whole.hidden_RLPD, rtol=1e-10, atol=1e-10)
    only = engine.trace(QUERY, ["math"])
    torch.testing.assert_close(only.hidden_RLPD[1], found.hidden_RLPD[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("fits", [True, False])
def test_a_prefix_is_kept_where_the_rest_fits_into_one_pass(tmp_path: Path, fits: bool) -> None:
    form = "<bos>The capital of France is Paris, said the teacher. User: {query}\nAssistant: "
    roomy, _, _ = tiny.tiny_engine(tmp_path / "a", ADAPTERS, form=form)
    expected = roomy.trace(QUERY)
    tokens, rest = len(expected.prompt.ids), len(expected.prompt.ids) - expected.prompt.query_first
    engine, model, _ = tiny.tiny_engine(
        tmp_path / "b", ADAPTERS, form=form, limits=Limits(pass_tokens=3 * rest - (not fits))
    )
    if fits:
        engine.trace("María come.")
    with counted(model) as calls:
        found = engine.trace(QUERY)
    assert calls == ([(3, rest)] if fits else [(1, tokens)] * 3)
    torch.testing.assert_close(found.hidden_RLPD, expected.hidden_RLPD, rtol=1e-10, atol=1e-10)


def test_a_short_kept_prefix_makes_no_pass_too_large(tmp_path: Path) -> None:
    form = "<bos>The capital of France is Paris, said the teacher. User: {query}\nAssistant: "
    prompt = tiny.tiny_engine(tmp_path / "a", ADAPTERS, form=form)[0].prompt(QUERY)
    prefix, rest = prompt.query_first, len(prompt.ids) - prompt.query_first
    assert prefix > 20
    limits = Limits(pass_tokens=3 * rest)
    engine, model, _ = tiny.tiny_engine(tmp_path / "b", ADAPTERS, form=form, limits=limits)
    short = replace(prompt, ids=prompt.ids[: 17 + rest], query_first=17, query_last=17)
    engine.trace(short)  # keeps its 17 tokens, with which the other prompt begins, too
    with counted(model) as calls:
        engine.trace(QUERY)
    assert calls == [(3, prefix), (3, rest)]


@pytest.mark.parametrize(("held", "rows"), [(2.5, [2, 1]), (0.5, [1, 1, 1]), (3, [3])])
def test_a_batch_too_large_for_one_pass_takes_several_and_changes_nothing(
    tmp_path: Path, held: float, rows: list[int]
) -> None:
    roomy, _, _ = tiny.tiny_engine(tmp_path / "a", ADAPTERS)
    expected = roomy.trace(QUERY)
    tokens = len(expected.prompt.ids)
    engine, model, _ = tiny.tiny_engine(
        tmp_path / "b", ADAPTERS, limits=Limits(pass_tokens=int(held * tokens))
    )
    told: list[float] = []
    with counted(model) as calls:
        several = engine.trace(QUERY, progress=lambda _, share: told.append(share))
    assert calls == [(count, tokens) for count in rows]
    torch.testing.assert_close(several.hidden_RLPD, expected.hidden_RLPD, rtol=1e-10, atol=1e-10)
    shares = [count / tiny.LAYERS / sum(rows) for count in rows for _ in range(tiny.LAYERS)]
    assert told == pytest.approx(torch.tensor(shares).cumsum(0).tolist())


def test_every_token_is_the_trace_at_its_positions(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    trace = engine.trace(QUERY)
    with counted(model) as calls:
        values_LKT = engine.every_token(trace.prompt).values_LKT
        engine.every_token(trace.prompt)
        assert len(calls) == 1
    assert values_LKT.shape == (engine.layers, 2, len(trace.prompt.ids))
    for position, place in (("query", trace.prompt.query_last), ("prompt", trace.prompt.last)):
        there = engine.divergence(trace, position=position).values_LK
        torch.testing.assert_close(values_LKT[:, :, place], there, rtol=1e-9, atol=1e-15)


def test_every_token_has_a_cap(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, ADAPTERS, limits=Limits(every_token=5))
    with pytest.raises(InputError, match="at most 5"):
        engine.every_token(engine.prompt(QUERY))


def test_a_cell_spells_out_its_divergence(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, _ = made
    trace = engine.trace(QUERY)
    values_LK = engine.divergence(trace).values_LK
    for layer in range(trace.layers):
        cell = engine.cell(trace, layer, "math")
        assert cell.divergence == pytest.approx(float(values_LK[layer, 1]), rel=1e-9)
        assert [change.base_rank for change in cell.base_top] == list(range(1, 9))
        assert [change.adapter_rank for change in cell.adapter_top] == list(range(1, 9))
        shares = [change.share for change in cell.contributors]
        assert shares == sorted(shares, reverse=True)
        assert all(share >= 0 for share in shares)
        assert sum(shares) <= 1 + 1e-9
        for change in (*cell.base_top, *cell.contributors):
            assert change.text == engine.token(change.id)
    with pytest.raises(InputError, match="no cell at layer 99"):
        engine.cell(trace, 99, "math")
    with pytest.raises(InputError, match="adapter 'nope'"):
        engine.cell(trace, 0, "nope")


def test_the_same_question_at_once_runs_the_model_once(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    barrier, found = threading.Barrier(3), []

    def ask() -> None:
        barrier.wait(30)
        found.append(engine.trace(QUERY))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    with counted(model) as calls:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert calls == [(3, len(found[0].prompt.ids))]
    assert all(one is found[0] for one in found)
