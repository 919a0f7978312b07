"""The position that a relevance can be read at."""

from __future__ import annotations

import pytest

from app.state.settings.view_settings import ViewSettings


@pytest.mark.parametrize(
    ("signal", "relative", "position", "readable"),
    [
        ("divergence", False, "mean", "mean"),
        ("divergence", False, "token:3", "token:3"),
        ("divergence", True, "mean", "query"),
        ("divergence", True, "token:3", "query"),
        ("divergence", True, "both", "both"),
        ("entropy", False, "mean", "query"),
        ("entropy", False, "prompt", "prompt"),
        ("change", False, "mean", "query"),  # it uses no position, and shows none that is not read
    ],
)
def test_means_and_tokens_are_read_for_the_divergence_as_it_is(
    signal: str, relative: bool, position: str, readable: str
) -> None:
    view = ViewSettings(signal=signal, relative=relative, position=position)
    assert view.readable.position == readable
    assert (view.readable == view) == (readable == position)
