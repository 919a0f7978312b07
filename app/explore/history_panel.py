"""The history panel: the words for the settings of a link. The browser keeps the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.explore.controls import Controls


@dataclass(frozen=True)
class HistoryPanel:
    """The words that the browser needs to list its runs.

    Attributes:
        names: The label of each setting, by its key in a link.
        values: The label of each of its choices, by key and value; empty for other settings.
    """

    names: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


def history_panel(controls: Controls) -> HistoryPanel:
    """The labels of the controls that a link holds, without the query."""
    linked = {
        control.link.key: control.component
        for name, control in controls.by_name.items()
        if control.link and name != "query"
    }
    return HistoryPanel(
        names={key: str(component.label or key) for key, component in linked.items()},
        values={
            key: {value: label for label, value in getattr(component, "choices", None) or ()}
            for key, component in linked.items()
        },
    )
