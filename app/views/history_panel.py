"""The history panel: the words for the settings of a link. The browser keeps the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class HistoryPanel:
    """The words that the browser needs to list its runs.

    Attributes:
        names: The label of each setting, by its key in a link.
        values: The label of each of its choices, by key and value; empty for other settings.
    """

    names: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


def history_panel(
    labels: Mapping[str, str], choices: Mapping[str, Sequence[tuple[str, str]]]
) -> HistoryPanel:
    """The words for some settings.

    Args:
        labels: The label of each setting, by its key in a link.
        choices: Labels and values of its choices, by the same key.
    """
    values = {key: {value: label for label, value in choices.get(key, ())} for key in labels}
    return HistoryPanel(labels, values)
