"""The note on answers that have other settings than the grid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.inference.decoding.sampling import Sampling
from analysis.measure.weight_settings import WeightSettings
from app.state.answer import heading_of
from app.state.run import AnswerSettings
from app.state.settings.view_settings import ViewSettings
from app.views.answer_note import answer_note

ASKED = WeightSettings(lens="norm", position="prompt", normalisation="root")
SAME = ViewSettings.with_weights(ASKED)


def test_answers_with_the_grids_settings_have_no_note() -> None:
    assert answer_note(ASKED, SAME) == ""
    assert answer_note(ASKED, replace(SAME, show="divergence", span="1–2")) == ""


@pytest.mark.parametrize(
    ("changed", "now", "asked"),
    [
        ({"lens": "raw"}, "raw lens", "norm lens"),
        ({"metric": "js"}, "Jensen–Shannon", "KL divergence"),
        ({"position": "query"}, "last token of the query", "last token of the prompt"),
        ({"normalisation": "sum"}, "share of the sum", "share of the roots"),
    ],
)
def test_a_grid_that_has_moved_on_says_so(changed: dict[str, str], now: str, asked: str) -> None:
    note = answer_note(ASKED, replace(SAME, **changed))
    assert note.startswith(f"The grid now shows weights with {now}")
    assert note.endswith(f"the answers below were given with {asked}.")


def test_no_method_reads_every_token() -> None:
    assert answer_note(ASKED, replace(SAME, position="mean")).endswith(
        "answer with the weights of the grid below."
    )


@pytest.mark.parametrize("position", ["query", "mean"])
def test_answers_follow_all_settings_of_the_grid(position: str) -> None:
    grid = WeightSettings("raw", position, "js", "softmax", 0.5)
    settings = AnswerSettings(("qa-flora",), 8, Sampling(), "raw", grid)
    read_at = position if position == "query" else ASKED.position
    assert settings.weight_settings(ASKED) == replace(grid, position=read_at)
    assert replace(settings, reading=None).weight_settings(ASKED) == replace(ASKED, lens="raw")
    heading = heading_of("qa-flora", {}, settings.weight_settings(ASKED))
    assert "Answered with: raw lens, Jensen–Shannon" in heading.summary
    assert "Answered with" not in heading_of("base", {}, ASKED).summary
