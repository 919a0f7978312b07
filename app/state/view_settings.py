"""How a run is looked at: choices that never need the model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.measure.lens import LENSES
from analysis.measure.metrics import METRICS
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import MEAN, POSITIONS

SPAN = re.compile(r"\s*(\d{0,4})\s*(?:(-|–|—|\.\.|to)\s*(\d{0,4})\s*)?", re.ASCII)
"""How layers are written."""

SHOWN = ("weights", "divergence", "difference", "what-if")
_POSITIONS = {
    "query": "Query's last token · paper",
    "prompt": "Prompt's last token",
    MEAN: "Mean over all tokens",
}
_LENSES = {"norm": "Normalised", "raw": "Raw · paper"}
_READ_AT = {
    MEAN: "mean over all tokens of the query, each counting alike, the prompt form's left out"
}
_SHOWN = {
    "weights": "Weights",
    "divergence": "Divergence",
    "difference": "Difference to pin",
    "what-if": "What if",
}


@dataclass(frozen=True)
class ViewSettings:
    """How a run is looked at.

    Attributes:
        lens: One of `analysis.measure.lens.LENSES`.
        show: One of `SHOWN`.
        position: One of `analysis.measure.trace.POSITIONS`, or `MEAN`.
        metric: One of `analysis.measure.metrics.METRICS`.
        normalisation: One of `analysis.measure.normalisation.NORMALISATIONS`.
        temperature: Of a normalisation that has one.
        span: The layers that are shown, as somebody writes them: `6–11`, `6–`, `–11` or `6`;
            all where it is empty or cannot be read.
    """

    lens: str = "norm"
    show: str = "weights"
    position: str = "query"
    metric: str = "kl"
    normalisation: str = "sum"
    temperature: float = 1.0
    span: str = ""

    @property
    def reading(self) -> tuple[str, str]:
        """What every token is read with: lens and metric."""
        return self.lens, self.metric

    @property
    def needs(self) -> tuple[str, str, str]:
        """What has to be read for it: lens, metric and position."""
        return self.lens, self.metric, self.position

    def layers(self, count: int) -> range:
        """The layers that are shown of so many; at least one, whatever was written."""
        written = SPAN.fullmatch(self.span)
        if written is None or not self.span.strip():
            return range(count)
        first, dash, last = written.groups()
        if not dash:
            last = first
        ends = sorted((int(first or 0), int(last) if last else count - 1))
        low, high = (min(count - 1, end) for end in ends)
        return range(low, high + 1)

    @property
    def misread(self) -> str:
        """What to say of a span that cannot be read; nothing where it can."""
        if SPAN.fullmatch(self.span):
            return ""
        return "The layers cannot be read, so all are shown: write 6–11, or 6 alone."

    @property
    def unit(self) -> str:
        """What a divergence is counted in."""
        return " nats" if self.metric in ("kl", "reverse-kl", "js") else ""

    @property
    def measure(self) -> str:
        """What a divergence is called beside an axis."""
        return f"divergence in{self.unit}" if self.unit else "divergence"

    def differences_from(self, other: ViewSettings) -> str:
        """What this is read with that another is not; nothing where they are read alike."""
        own, others = self._parts(), other._parts()
        return ", ".join(part for part, one in zip(own, others, strict=True) if part != one)

    def _parts(self) -> list[str]:
        rule = NORMALISATIONS[self.normalisation]
        return [
            f"{self.lens} lens",
            METRICS[self.metric].label,
            _READ_AT.get(self.position, f"last token of the {self.position}"),
            rule.label.lower() + (f" at T = {self.temperature:g}" if rule.tempered else ""),
        ]

    def described(self) -> str:
        """One sentence on how this looks, and what the paper does instead."""
        own = ", ".join(self._parts())
        others = self._unlike_paper()
        if not others:
            return f"Read with: {own}. This is the paper's setting."
        return f"Read with: {own}. The paper takes the {' and the '.join(others)}."

    def _unlike_paper(self) -> list[str]:
        differences_from = []
        if self.lens != "raw":
            differences_from.append("raw lens")
        if not METRICS[self.metric].paper:
            differences_from.append("KL divergence")
        if self.position != "query":
            differences_from.append("query's last token")
        if not NORMALISATIONS[self.normalisation].paper:
            differences_from.append("share of the sum")
        return differences_from


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
    """Labels and names of the kept positions, and of the mean."""
    return [(_POSITIONS.get(name, name), name) for name in (*POSITIONS, MEAN)]


def show_choices(pinned: bool) -> list[tuple[str, str]]:
    """Labels and names of what the grid can show; the difference only once a run is pinned."""
    return [(_SHOWN[name], name) for name in SHOWN if pinned or name != "difference"]


def _paper(is_paper: bool) -> str:
    return " · paper" if is_paper else ""
