"""The load command: a crowd gets its solo answers, and the numbers are those of the run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from analysis.__main__ import main
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.speed import load
from analysis.speed.crowd import Seconds, Visit, summary
from analysis.speed.load import is_tie, queries
from tests import tiny


def test_a_crowd_gets_its_solo_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = str(tiny.tiny_collection(tmp_path))
    arguments = ["--collection", collection, "--visitors", "3", "--new-tokens", "3", "--json"]
    assert main(["load", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["visitors"], result["answers"], result["new_tokens"]) == (3, 4, 3)
    assert result["errors"] == result["cross_talk"] == 0
    for name in ("tokens_per_second", "over_serial", "over_serial_cpu"):
        assert result[name] > 0
    for name in ("first_token_seconds", "total_seconds"):
        assert 0 < result[name]["median"] <= result[name]["p95"] <= result[name]["last"]
    assert result["first_token_seconds"]["median"] < result["total_seconds"]["median"]
    # Options that no visitor can use are told before the crowd comes.
    for wrong, told in (
        (["--methods", "nosuch"], "'nosuch'"),
        (["--methods", ""], "--methods ''"),
        (["--new-tokens", "1000000"], "1000000"),
    ):
        assert main(["load", *arguments, *wrong]) == 2
        assert told in capsys.readouterr().err
    # A visitor who gets another's answer is told.
    crowd = load.at_once
    monkeypatch.setattr(load, "at_once", lambda visitors: crowd([visitors[1], *visitors[1:]]))
    assert main(["load", *arguments]) == 1
    assert json.loads(capsys.readouterr().out)["cross_talk"] > 0


def test_a_tie_is_two_tokens_that_are_equally_probable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    row = Row("base", ConstantWeights((), torch.zeros(engine.layers, 0)))
    first, second, third = engine.next_tokens(engine.prompt("Paris"), [], [row], 3)[0]
    assert first.probability > 1.01 * second.probability
    assert not is_tie(engine, "Paris", row, [first.id], [second.id])
    assert not is_tie(engine, "Paris", row, [first.id], [first.id, second.id])
    monkeypatch.setattr(load, "TIE", 1 - second.probability / first.probability + 1e-9)
    assert is_tie(engine, "Paris", row, [second.id, 7], [first.id, 8])
    assert not is_tie(engine, "Paris", row, [third.id], [second.id])


def test_the_numbers_of_a_crowd_by_hand() -> None:
    found = [Visit(1.0 + place, 10.0 + place, ((1, 2), (3,))) for place in range(20)]
    made = summary([*found, Visit(error="full")], 30.0, 2, 0, 1, 0.5, 7.0)
    assert (made.visitors, made.answers, made.errors, made.error) == (21, 2, 1, "full")
    assert made.tokens_per_second == 2.0 and made.over_serial == 4.0
    assert made.first_token_seconds == Seconds(10.0, 19.0, 20.0)


def test_a_crowd_without_an_answer_has_no_numbers() -> None:
    made = summary([Visit(error="full")], 30.0, 2, 0, 0, 0.0, None)
    assert made.tokens_per_second == 0.0 and made.over_serial is None
    assert made.first_token_seconds == made.total_seconds == Seconds(None, None, None)
    json.dumps(asdict(made), allow_nan=False)
    # An answer without a token has no first one.
    made = summary([Visit(total_seconds=3.0)], 30.0, 2, 0, 0, 1.0, None)
    assert made.first_token_seconds.last is None and made.total_seconds.last == 3.0


def test_questions_are_different_and_begin_anew_when_they_are_used_up() -> None:
    some = queries(60)
    assert len(set(some)) == 60
    assert len(set(queries(5000))) < 5000
