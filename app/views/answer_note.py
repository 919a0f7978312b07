"""The note on answers whose weights were read under other settings than those of the grid."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.measure.trace import POSITIONS
from analysis.measure.weight_settings import WeightSettings
from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import differences
from app.widgets import text
from app.widgets.words.said import joined, say

_NO_METHOD = say("No method reads there: answer with the weights of the grid below.")


def adapters_note(answered: Sequence[str], shown: Sequence[str]) -> str:
    """Whether the answers were given with other adapters than those of the grid; empty if not.

    Args:
        answered: Labels of the adapters of the answers.
        shown: Labels of the adapters of the grid.
    """
    if list(answered) == list(shown):
        return ""
    return say(
        "The grid now divides the weights among {shown}; the answers below were given with "
        "{answered}.",
        shown=text.listed(shown),
        answered=text.listed(answered),
    )


def answer_note(answered: WeightSettings, shown: ViewSettings) -> str:
    """How the grid differs from the answers; empty if it does not.

    Args:
        answered: The settings that the methods of the answers had.
        shown: The settings that the grid shows.
    """
    own = ViewSettings.with_weights(answered)
    changed = differences(shown, own)
    if not changed:
        return ""
    note = say(
        "The grid now shows weights with {shown}; the answers below were given with {answered}.",
        shown=changed,
        answered=differences(own, shown),
    )
    return note if shown.position in POSITIONS else joined(" ", (note, _NO_METHOD))
