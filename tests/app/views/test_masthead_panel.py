"""The collection's title in the bar."""

import pytest

from app.views.masthead_panel import brief_title


@pytest.mark.parametrize(
    ("titles", "brief"),
    [
        (["Gemma 3 270M: languages", "SmolLM2 135M: Spanish"], "Gemma 3 270M"),
        (["Gemma 3 270M: languages"], "Gemma 3 270M"),
        # What comes before the colon must tell the collections apart.
        (["Gemma 3 270M: languages", "Gemma 3 270M: tasks"], "Gemma 3 270M: languages"),
        (["mine"], "mine"),
        ([": odd"], ": odd"),
    ],
)
def test_the_bar_shows_what_tells_a_collection_apart(titles: list[str], brief: str) -> None:
    assert brief_title(titles[0], titles) == brief
    assert len(titles) > 1 or brief_title(titles[0]) == brief
