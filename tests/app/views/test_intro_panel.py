"""The texts of the tour."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.common.errors import InputError
from app.views.intro_panel import tour_texts


def test_the_tour_speaks_every_language_of_the_page_and_falls_back_to_english(
    tmp_path: Path,
) -> None:
    texts = tour_texts()
    assert {"en", "es", "fr", "de"} <= set(texts)
    for own in texts.values():
        assert list(own["steps"]) == ["ask", "answers", "cell", "panel", "paint"]
        # The script makes the parts between two marks strong.
        assert all(step.count("**") == 2 for step in own["steps"].values())
    assert len({own["steps"]["ask"] for own in texts.values()}) == len(texts)
    (tmp_path / "en.toml").write_text('next = "Next"\n[steps]\nask = "Ask."\ncell = "Click."\n')
    (tmp_path / "eo.toml").write_text('[steps]\nask = "Demandu."\n')
    assert tour_texts(tmp_path)["eo"] == {
        "next": "Next",
        "steps": {"ask": "Demandu.", "cell": "Click."},
    }


@pytest.mark.parametrize("text", ['later = "x"', "next = 1", '[steps]\nasked = "x"', "next ="])
def test_a_mistake_in_a_file_of_the_tour_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "en.toml").write_text('next = "Next"\n[steps]\nask = "Ask."\n')
    (tmp_path / "eo.toml").write_text(text)
    with pytest.raises(InputError, match=r"eo\.toml"):
        tour_texts(tmp_path)
