"""How a run is looked at: choices that never need the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from analysis.measure.lenses import Lens, lenses
from analysis.measure.metrics import Metric, metrics
from analysis.measure.normalisation import NORMALISATIONS, Normalisation
from analysis.measure.trace import MEAN, POSITIONS

SPAN = re.compile(r"\s*(\d{0,4})\s*(?:(-|–|—|\.\.|to)\s*(\d{0,4})\s*)?", re.ASCII)
"""How layers are written."""

SHOWN = ("weights", "divergence", "difference", "what-if")
_POSITIONS = {
    "query": "Query's last token · paper",
    "prompt": "Prompt's last token",
    MEAN: "Mean over all tokens",
}
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
        lens: Name of a lens.
        show: One of `SHOWN`.
        position: One of `analysis.measure.trace.POSITIONS`, or `MEAN`.
        metric: Name of a metric.
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
        """The unit of a divergence, after a space; empty where it has none."""
        unit = metrics()[self.metric].unit
        return f" {unit}" if unit else ""

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
            metrics()[self.metric].label,
            _READ_AT.get(self.position, f"last token of the {self.position}"),
            rule.label.lower() + (f" at T = {self.temperature:g}" if rule.uses_temperature else ""),
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
        if self.lens != _of_paper(lenses()).name:
            differences_from.append(f"{_of_paper(lenses()).name} lens")
        if not metrics()[self.metric].paper:
            differences_from.append(_of_paper(metrics()).label)
        if self.position != "query":
            differences_from.append("query's last token")
        if not NORMALISATIONS[self.normalisation].paper:
            differences_from.append(_of_paper(NORMALISATIONS).label.lower())
        return differences_from


def lens_choices() -> list[tuple[str, str]]:
    """Labels and names of the lenses."""
    return _choices(lenses())


def metric_choices() -> list[tuple[str, str]]:
    """Labels and names of the metrics."""
    return _choices(metrics())


def normalisation_choices() -> list[tuple[str, str]]:
    """Labels and names of the normalisations."""
    return _choices(NORMALISATIONS)


def position_choices() -> list[tuple[str, str]]:
    """Labels and names of the kept positions, and of the mean."""
    return [(_POSITIONS.get(name, name), name) for name in (*POSITIONS, MEAN)]


def show_choices(pinned: bool) -> list[tuple[str, str]]:
    """Labels and names of what the grid can show; the difference only once a run is pinned."""
    return [(_SHOWN[name], name) for name in SHOWN if pinned or name != "difference"]


Choice = TypeVar("Choice", Lens, Metric, Normalisation)


def _choices(listed: Mapping[str, Choice]) -> list[tuple[str, str]]:
    """Labels, with a mark on the paper's, and names."""
    return [
        (f"{choice.label} · paper" if choice.paper else choice.label, choice.name)
        for choice in listed.values()
    ]


def _of_paper(listed: Mapping[str, Choice]) -> Choice:
    return next(choice for choice in listed.values() if choice.paper)
