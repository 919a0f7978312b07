"""The example questions, as their panel shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.widgets import text

if TYPE_CHECKING:
    from app.state.examples import Example

View = dict[str, Any]


def chips_view(examples: Sequence[Example], labels: Mapping[str, str]) -> list[View]:
    """The example questions, each with the adapters that it is asked with."""
    return [
        {
            "label": one.label,
            "said": f"{one.query}\nwith {text.listed([labels[name] for name in chosen])}"
            if len(chosen) < len(labels)
            else one.query,
        }
        for one in examples
        for chosen in [one.among(list(labels))]
    ]
