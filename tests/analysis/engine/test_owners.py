"""On a public server, what is kept of a visitor's own question is kept for nobody else."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest
import torch

from analysis.common.limits import Limits, Owner
from tests.tiny import tiny_engine

QUERY = "Who asks?"


def test_results_are_kept_for_their_owner_and_forgotten_with_it(tmp_path: Path) -> None:
    engine, *_ = tiny_engine(tmp_path, limits=Limits(private=True))
    one, other = Owner(), Owner()
    shared, mine, theirs = (engine.prompt(QUERY, owner=owner) for owner in (None, one, other))
    trace = engine.trace(mine)
    found = engine.divergence(trace).values_LK
    engine.representation(mine)
    assert engine.kept_trace(mine, engine.adapters) is trace
    assert engine.kept_trace(theirs, engine.adapters) is None
    assert engine.kept_trace(shared, engine.adapters) is None
    assert torch.equal(engine.divergence(engine.trace(theirs)).values_LK, found)
    both = engine.kept.bytes
    del one
    gc.collect()
    engine.forget_gone_owners()
    assert engine.kept_trace(mine, engine.adapters) is None
    assert engine.kept_trace(theirs, engine.adapters) is not None
    assert engine.kept.bytes < both
    assert not any(mine == key[0] for key in engine.kept.keys if isinstance(key, tuple))


def test_owners_who_ask_the_same_at_once_share_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, *_ = tiny_engine(tmp_path, limits=Limits(private=True))
    owners = Owner(), Owner()
    mine, theirs = (engine.prompt(QUERY, owner=owner) for owner in owners)
    run, runs, waits, found = engine._traced, [], threading.Event(), []
    second = threading.Thread(
        target=lambda: found.append(engine.trace(theirs, progress=lambda *_: waits.set()))
    )

    def slow(*what: object, **named: object) -> object:
        runs.append(what)
        second.start()
        assert waits.wait(30)
        return run(*what, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "_traced", slow)
    trace = engine.trace(mine)
    second.join(30)
    assert len(runs) == 1
    assert found[0].prompt == theirs and found[0].hidden_RLPD is trace.hidden_RLPD
    for prompt in (mine, theirs):
        kept = engine.kept_trace(prompt, engine.adapters)
        assert kept is not None and kept.prompt == prompt


def test_what_is_read_after_its_owner_has_gone_is_not_kept(tmp_path: Path) -> None:
    engine, *_ = tiny_engine(tmp_path, limits=Limits(private=True))
    owner, other = Owner(), Owner()
    prompt = engine.prompt(QUERY, owner=owner)
    del owner
    gc.collect()
    # Another visitor asks while the model still reads.
    engine.prompt(QUERY, owner=other)
    trace = engine.trace(prompt)
    engine.divergence(trace)
    engine.representation(prompt)
    assert engine.kept_trace(prompt, engine.adapters) is None
    assert not any(prompt == key[0] for key in engine.kept.keys if isinstance(key, tuple))
    kept = engine.prompt(QUERY, owner=other)
    engine.trace(kept)
    assert engine.kept_trace(kept, engine.adapters) is not None


def test_elsewhere_questions_have_no_owner(tmp_path: Path) -> None:
    engine, *_ = tiny_engine(tmp_path)
    assert engine.prompt(QUERY, owner=Owner()) == engine.prompt(QUERY)
