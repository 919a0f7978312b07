"""The note on answers whose weights were read under other settings than those of the grid."""

from __future__ import annotations

from analysis.measure.trace import POSITIONS
from analysis.measure.weight_settings import WeightSettings
from app.state.view_settings import ViewSettings

_NO_METHOD = " No method reads every token: answer with the weights of the grid below."


def answer_note(answered: WeightSettings, shown: ViewSettings) -> str:
    """How the grid differs from the answers; empty if it does not.

    Args:
        answered: The settings that the methods of the answers had.
        shown: The settings that the grid shows.
    """
    own = ViewSettings.with_weights(answered)
    differences = shown.differences_from(own)
    if not differences:
        return ""
    note = (
        f"The grid now shows weights with {differences}; the answers below were given with "
        f"{own.differences_from(shown)}."
    )
    return note if shown.position in POSITIONS else note + _NO_METHOD
