"""While streams wait, no piece of other work is larger than they may wait for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.decoding.answering import Answering
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import ADAPTERS, FORM, counted

QUERY = "María tiene 3 manzanas y compra 5 más."


def streaming(engine: Engine, method: str = "base") -> Answering:
    """An answer that waits for its next step."""
    # Random models end early.
    object.__setattr__(engine.runner.decoding, "ends", frozenset())
    prompt = engine.prompt("Paris")
    rows = fuse([method], engine.context(prompt))
    stream = engine.answer(prompt, rows, new_tokens=9, stop=())
    next(stream)
    next(stream)
    return stream


def read(engine: Engine, query: str) -> dict[str, torch.Tensor]:
    """What a request may read of a query: its trace, every token, and the next tokens."""
    trace = engine.trace(query)
    rows = fuse(["base", "static"], engine.context(trace))
    said = engine.next_tokens(trace.prompt, trace.prompt.ids[:9], rows, 3)
    return {
        "states": trace.hidden_RLPD,
        "inputs": torch.cat([x_PI.flatten() for x_PI in trace.module_inputs.values()]),
        "every token": engine.every_token(trace.prompt).values_LKT,
        "next tokens": torch.tensor([[one.probability for one in row] for row in said]),
    }


@pytest.mark.parametrize("family", ["gemma3", "gpt-neox"])
def test_no_piece_is_larger_than_streams_may_wait_for(family: str, tmp_path: Path) -> None:
    limits, dtype = Limits(piece_tokens=12), torch.float64
    solo, _, _ = tiny.tiny_engine(tmp_path / "a", ADAPTERS, family=family, dtype=dtype)
    engine, model, _ = tiny.tiny_engine(
        tmp_path / "b", ADAPTERS, family=family, dtype=dtype, limits=limits
    )
    stream = streaming(engine)
    told: list[float] = []
    with counted(model) as calls:
        engine.trace(QUERY + "!", progress=lambda _, share: told.append(share))
        found = read(engine, QUERY)
    assert max(rows * tokens for rows, tokens in calls) <= 12
    assert told == sorted(told) and told[-1] == 1.0
    for name, expected in read(solo, QUERY).items():
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-12, msg=name)
    stream.close()
    with counted(model) as calls:
        trace = engine.trace(QUERY + "?")
    assert calls == [(3, len(trace.prompt.ids))]


def test_a_prefix_that_is_not_kept_never_holds_streams_up(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(
        tmp_path, ADAPTERS, form=FORM, limits=Limits(piece_tokens=60)
    )
    stream = streaming(engine)
    with counted(model) as calls:
        engine.trace("Rome")
    assert max(rows * tokens for rows, tokens in calls) <= 60
    stream.close()
    engine.trace("Madrid")
    other = streaming(engine, "static")
    with counted(model) as calls:
        engine.trace("Lima")
    # The kept prefix serves.
    assert [rows for rows, _ in calls] == [3] and calls[0][1] < 16
    other.close()
