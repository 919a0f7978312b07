"""How a run is looked at: choices that never need the model."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.lens import LENSES
from analysis.metrics import METRICS
from analysis.trace import POSITIONS
from analysis.weights import NORMALISATIONS

SHOWN = ("weights", "divergence", "difference", "what-if")
_POSITIONS = {"query": "Query's last token · paper", "prompt": "Prompt's last token"}
_LENSES = {"norm": "Normalised", "raw": "Raw · paper"}
_SHOWN = {
    "weights": "Weights",
    "divergence": "Divergence",
    "difference": "Difference to pin",
    "what-if": "What if",
}


@dataclass(frozen=True)
class Look:
    """How a run is looked at.

    Attributes:
        lens: One of `analysis.lens.LENSES`.
        show: One of `SHOWN`.
        position: One of `analysis.trace.POSITIONS`.
        metric: One of `analysis.metrics.METRICS`.
        normalisation: One of `analysis.weights.NORMALISATIONS`.
        temperature: Of a normalisation that has one.
    """

    lens: str = "norm"
    show: str = "weights"
    position: str = "query"
    metric: str = "kl"
    normalisation: str = "sum"
    temperature: float = 1.0

    @property
    def unit(self) -> str:
        """What a divergence is counted in."""
        return " nats" if self.metric in ("kl", "reverse-kl", "js") else ""

    def described(self) -> str:
        """One sentence on how this looks, and what the paper does instead."""
        rule = NORMALISATIONS[self.normalisation]
        parts = [
            f"{self.lens} lens",
            METRICS[self.metric].label,
            f"last token of the {self.position}",
            rule.label.lower() + (f" at T = {self.temperature:g}" if rule.tempered else ""),
        ]
        own = ", ".join(parts)
        others = self._unlike_paper()
        if not others:
            return f"Read with: {own}. This is the paper's setting."
        return f"Read with: {own}. The paper takes the {' and the '.join(others)}."

    def _unlike_paper(self) -> list[str]:
        unlike = []
        if self.lens != "raw":
            unlike.append("raw lens")
        if not METRICS[self.metric].paper:
            unlike.append("KL divergence")
        if self.position != "query":
            unlike.append("query's last token")
        if not NORMALISATIONS[self.normalisation].paper:
            unlike.append("share of the sum")
        return unlike


def lens_choices() -> list[tuple[str, str]]:
    """Labels and names of the lenses."""
    return [(_LENSES.get(name, name), name) for name in LENSES]


def metric_choices() -> list[tuple[str, str]]:
    """Labels and names of the metrics."""
    return [(one.label + _paper(one.paper), one.name) for one in METRICS.values()]


def normalisation_choices() -> list[tuple[str, str]]:
    """Labels and names of the normalisations."""
    return [(one.label + _paper(one.paper), one.name) for one in NORMALISATIONS.values()]


def position_choices() -> list[tuple[str, str]]:
    """Labels and names of the kept positions."""
    return [(_POSITIONS.get(name, name), name) for name in POSITIONS]


def shown_choices(pinned: bool) -> list[tuple[str, str]]:
    """Labels and names of what the grid can show; the difference only once a run is pinned."""
    return [(_SHOWN[name], name) for name in SHOWN if pinned or name != "difference"]


def _paper(is_paper: bool) -> str:
    return " · paper" if is_paper else ""
