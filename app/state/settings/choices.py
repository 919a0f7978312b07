"""The choices that the controls of the view settings offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from analysis.measure.lenses import Lens, lenses
from analysis.measure.metrics import Metric, metrics
from analysis.measure.normalisation import NORMALISATIONS, Normalisation
from analysis.measure.signals import signals
from analysis.measure.trace import BOTH, MEAN, POSITIONS
from app.state.settings.view_settings import OF_PIN, SHOWN, TOKEN

if TYPE_CHECKING:
    from analysis.models.collection import Collection

_POSITIONS = {
    "query": "Query's last token · paper",
    "prompt": "Prompt's last token",
    BOTH: "Mean of these two",
    MEAN: "Mean over query tokens",
}
_SHOWN = {
    "weights": "Weights",
    "divergence": "Relevance",
    "difference": "Difference from pin",
    "beside": "Beside the pin",
    "what-if": "What-if",
}


def usable_lenses(collection: Collection) -> Mapping[str, Lens]:
    """The lenses that the collection has all files for, by name."""
    return {name: lens for name, lens in lenses().items() if not lens.missing_in(collection.folder)}


def lens_choices(collection: Collection) -> list[tuple[str, str]]:
    """Labels and names of the lenses that a collection's page offers."""
    return _choices(usable_lenses(collection))


def lens_note(collection: Collection) -> str:
    """Why the page does not offer some lenses; empty if it offers all."""
    reasons = [
        f"The {lens.label} lens needs `python -m analysis fit-lens {lens.name}` first."
        for lens in lenses().values()
        if lens.missing_in(collection.folder)
    ]
    return " ".join(reasons)


def metric_choices() -> list[tuple[str, str]]:
    """Labels and names of the metrics."""
    return _choices(metrics())


def normalisation_choices() -> list[tuple[str, str]]:
    """Labels and names of the normalisations."""
    return _choices(NORMALISATIONS)


def position_choices(*tokens: int) -> list[tuple[str, str]]:
    """Labels and names of the positions, of the mean over all tokens, and of single tokens.

    Args:
        tokens: Indices of tokens of the prompt that can be chosen, too.
    """
    positions = [(label, name) for name, label in _POSITIONS.items()]
    return positions + [(f"Token {token}", f"token:{token}") for token in tokens]


def read_position(written: str) -> str:
    """A position, from a link.

    Raises:
        ValueError: There is no such position.
    """
    if written not in (*POSITIONS, MEAN) and not TOKEN.fullmatch(written):
        raise ValueError(written)
    return written


def signal_choices() -> list[tuple[str, str]]:
    """Labels and names of the signals."""
    return [(signal.label, signal.name) for signal in signals().values()]


def show_choices(pinned: bool) -> list[tuple[str, str]]:
    """Labels and names of what the grid can show; some of it needs a pinned run."""
    return [(_SHOWN[name], name) for name in SHOWN if pinned or name not in OF_PIN]


Choice = TypeVar("Choice", Lens, Metric, Normalisation)


def _choices(listed: Mapping[str, Choice]) -> list[tuple[str, str]]:
    """Labels, with a mark on the paper's, and names."""
    return [
        (f"{choice.label} · paper" if choice.paper else choice.label, choice.name)
        for choice in listed.values()
    ]
