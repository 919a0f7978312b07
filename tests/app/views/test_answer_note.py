"""The note on answers that have other settings than the grid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.measure.weight_settings import WeightSettings
from app.state.view_settings import ViewSettings
from app.views.answer_note import answer_note

ASKED = WeightSettings(lens="norm", position="prompt", normalisation="root")
SAME = ViewSettings.with_weights(ASKED)


def test_answers_with_the_grids_settings_have_no_note() -> None:
    assert answer_note(ASKED, SAME) == ""
    assert answer_note(ASKED, replace(SAME, show="divergence", span="1–2")) == ""


def test_another_lens_needs_another_question() -> None:
    assert answer_note(ASKED, replace(SAME, lens="raw")) == (
        "Asked with norm lens, unlike the grid. Ask again to answer with the raw lens."
    )


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"metric": "js"}, "KL divergence"),
        ({"position": "query"}, "last token of the prompt"),
        ({"normalisation": "sum"}, "share of the roots"),
    ],
)
def test_other_settings_need_an_answer_of_the_grid(changed: dict[str, str], asked: str) -> None:
    note = answer_note(ASKED, replace(SAME, **changed))
    assert note.startswith("Asked with ") and asked.lower() in note.lower()
    assert "“Answer with these weights”" in note and "Ask again" not in note
