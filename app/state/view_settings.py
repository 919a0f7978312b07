"""View settings: how a run is read and shown, without running the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from analysis.measure.lenses import Lens, lenses
from analysis.measure.metrics import Metric, metrics
from analysis.measure.normalisation import NORMALISATIONS, Normalisation
from analysis.measure.trace import BOTH, KEPT, MEAN, POSITIONS
from analysis.measure.weight_settings import WeightSettings, default_settings

if TYPE_CHECKING:
    from analysis.models.collection import Collection

SPAN = re.compile(r"\s*(?:(\d{1,4})\s*(?:(-|–|—|\.\.|to)\s*(\d{0,4})\s*)?)?", re.ASCII)
"""The forms in which a visitor may write layers."""

SHOWN = ("weights", "divergence", "difference", "what-if")
_POSITIONS = {
    "query": "Query's last token · paper",
    "prompt": "Prompt's last token",
    BOTH: "Mean of these two",
    MEAN: "Mean over query tokens",
}
_READ_AT = {
    BOTH: "mean of the last tokens of the query and of the prompt",
    MEAN: "mean over all tokens of the query (equal weights, without the prompt form)",
}
_SHOWN = {
    "weights": "Weights",
    "divergence": "Divergence",
    "difference": "Difference from pin",
    "what-if": "What-if",
}


@dataclass(frozen=True)
class ViewSettings:
    """How a run is read and shown.

    Attributes:
        lens: Name of a lens.
        show: One of `SHOWN`.
        position: One of `analysis.measure.trace.POSITIONS`, or `MEAN`.
        metric: Name of a metric.
        normalisation: One of `analysis.measure.normalisation.NORMALISATIONS`.
        temperature: The temperature of a normalisation that has one.
        span: The layers to show, as the visitor wrote them: `6–11`, `6–` or `6`; all layers if it
            is empty or cannot be used.
    """

    lens: str = "norm"
    show: str = "weights"
    position: str = "query"
    metric: str = "kl"
    normalisation: str = "sum"
    temperature: float = 1.0
    span: str = ""

    @classmethod
    def of(cls, collection: Collection) -> ViewSettings:
        """The settings that a collection's page opens with."""
        return cls.with_weights(default_settings(collection))

    @classmethod
    def with_weights(cls, settings: WeightSettings) -> ViewSettings:
        """The view settings with the given settings of weights."""
        return cls(
            lens=settings.lens,
            position=settings.position,
            metric=settings.metric,
            normalisation=settings.normalisation,
            temperature=settings.temperature,
        )

    @property
    def weight_settings(self) -> WeightSettings:
        """The settings that weights depend on."""
        return WeightSettings(
            self.lens, self.position, self.metric, self.normalisation, self.temperature
        )

    @property
    def cell_position(self) -> str:
        """The kept position whose tokens explain a cell: a mean is explained at the query's."""
        return self.position if self.position in KEPT else KEPT[0]

    @property
    def kept_positions(self) -> tuple[str, ...]:
        """The kept positions whose divergences are read; empty for the mean over the query."""
        return KEPT if self.position == BOTH else tuple({self.position} & set(KEPT))

    @property
    def reading(self) -> tuple[str, str]:
        """Lens and metric, the settings of a reading at every token."""
        return self.lens, self.metric

    @property
    def needs(self) -> tuple[str, str, str]:
        """Lens, metric and position: the settings that another divergence is read for."""
        return self.lens, self.metric, self.position

    def layers(self, count: int) -> range:
        """The layers to show of `count` layers; at least one, whatever the visitor wrote."""
        first, last = self._ends(count) or (0, count - 1)
        return range(first, last + 1) if 0 <= first <= last < count else range(count)

    def kept_span(self, before: ViewSettings, count: int) -> tuple[ViewSettings, str]:
        """The settings with the span of those before where their own cannot be used.

        Args:
            before: The settings before.
            count: The number of layers.

        Returns:
            The settings, and why their own span is not used; empty if it is.
        """
        why = self._why_unusable(count)
        if not why:
            return self, ""
        kept = replace(self, span=before.span)
        layers = kept.layers(count)
        shown = "All layers" if len(layers) == count else f"Layers {layers.start}–{layers.stop - 1}"
        if len(layers) == 1:
            shown = f"Only layer {layers.start}"
        return kept, f"{why} {shown} stay{'s' if len(layers) == 1 else ''} shown."

    def span_fault(self, count: int) -> str:
        """Why all layers are shown in place of the span, in a sentence; empty if they are not."""
        why = self._why_unusable(count)
        return f"All layers are shown. {why}" if why else ""

    def _why_unusable(self, count: int) -> str:
        """Why the span cannot be used with `count` layers, in a sentence; empty if it can."""
        ends, written = self._ends(count), self.span.strip()
        if ends is None:
            remedy = "write a range such as 6–11, or one layer such as 6"
        elif max(ends) >= count:
            remedy = f"the layers are 0–{count - 1}"
        elif ends[0] > ends[1]:
            remedy = f"write the lower number first, {ends[1]}–{ends[0]}"
        else:
            return ""
        return f"“{written[:20]}” cannot be used: {remedy}."

    def _ends(self, count: int) -> tuple[int, int] | None:
        """The first and the last layer of the span as it is written; None if it cannot be read."""
        written = SPAN.fullmatch(self.span)
        if written is None:
            return None
        first, dash, last = written.groups()
        if first is None:
            return 0, count - 1
        if not dash:
            last = first
        return int(first), int(last) if last else max(int(first), count - 1)

    @property
    def unit(self) -> str:
        """The unit of a divergence, after a space; empty if it has none."""
        unit = metrics()[self.metric].unit
        return f" {unit}" if unit else ""

    @property
    def measure(self) -> str:
        """The name of a divergence beside an axis."""
        return f"divergence in{self.unit}" if self.unit else "divergence"

    def differences_from(self, other: ViewSettings) -> str:
        """The reading settings that differ from other settings, in words; empty if none does."""
        pairs = zip(self._parts(), other._parts(), strict=True)
        return ", ".join(own for own, others in pairs if own != others)

    def _parts(self) -> list[str]:
        rule = NORMALISATIONS[self.normalisation]
        return [
            f"{self.lens} lens",
            metrics()[self.metric].label,
            _READ_AT.get(self.position, f"last token of the {self.position}"),
            rule.label.lower() + (f" at T = {self.temperature:g}" if rule.uses_temperature else ""),
        ]

    @property
    def in_words(self) -> str:
        """How the run is read."""
        return ", ".join(self._parts())

    def described(self) -> str:
        """How the run is read, and how the paper reads it instead."""
        settings = self.in_words
        changes = self._paper_differences()
        if not changes:
            return f"Settings: {settings}. These are the paper's settings."
        return f"Settings: {settings}. The paper uses the {' and the '.join(changes)}."

    def _paper_differences(self) -> list[str]:
        differences = []
        if self.lens != _of_paper(lenses()).name:
            differences.append(f"{_of_paper(lenses()).name} lens")
        if not metrics()[self.metric].paper:
            differences.append(_of_paper(metrics()).label)
        if self.position != "query":
            differences.append("last token of the query")
        if not NORMALISATIONS[self.normalisation].paper:
            differences.append(_of_paper(NORMALISATIONS).label.lower())
        return differences


def usable_lenses(collection: Collection) -> Mapping[str, Lens]:
    """The lenses that the collection has all files for, by name."""
    return {name: lens for name, lens in lenses().items() if not lens.missing_in(collection.folder)}


def lens_choices(collection: Collection) -> list[tuple[str, str]]:
    """Labels and names of the lenses that a collection's page offers."""
    return _choices(usable_lenses(collection))


def lens_note(collection: Collection) -> str:
    """Why the page does not offer some lenses; empty if it offers all."""
    reasons = [
        f"The {lens.name} lens is not offered: {missing}."
        for lens in lenses().values()
        if (missing := lens.missing_in(collection.folder))
    ]
    return " ".join(reasons)


def metric_choices() -> list[tuple[str, str]]:
    """Labels and names of the metrics."""
    return _choices(metrics())


def normalisation_choices() -> list[tuple[str, str]]:
    """Labels and names of the normalisations."""
    return _choices(NORMALISATIONS)


def position_choices() -> list[tuple[str, str]]:
    """Labels and names of the positions, and of the mean over all tokens."""
    return [(_POSITIONS.get(name, name), name) for name in (*POSITIONS, MEAN)]


def show_choices(pinned: bool) -> list[tuple[str, str]]:
    """Labels and names of what the grid can show; the difference needs a pinned run."""
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
