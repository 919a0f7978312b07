"""The note on answers whose weights were read under other settings than those of the grid."""

from __future__ import annotations

from dataclasses import replace

from analysis.measure.weight_settings import WeightSettings
from app.state.view_settings import ViewSettings


def answer_note(answered: WeightSettings, shown: ViewSettings) -> str:
    """How the answers differ from the grid, and the remedy; empty if they do not.

    Args:
        answered: The settings that the methods of the answers had.
        shown: The settings that the grid shows.
    """
    own = ViewSettings.with_weights(answered)
    differences = own.differences_from(shown)
    if not differences:
        return ""
    note = f"Asked with {differences}, unlike the grid."
    if own.lens != shown.lens:
        note += f" Ask again to answer with the {shown.lens} lens."
    if replace(own, lens=shown.lens).differences_from(shown):
        note += " Press “Answer with these weights” to answer with the weights of the grid."
    return note
