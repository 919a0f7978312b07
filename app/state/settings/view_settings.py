"""View settings: how a run is read and shown, without running the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis.measure.metrics import metrics
from analysis.measure.signals import DIVERGENCE, signals
from analysis.measure.trace import BOTH, KEPT, POSITIONS
from analysis.measure.weight_settings import WeightSettings, default_settings
from app.state.settings.layer_span import LayerSpan
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.models.collection import Collection

TOKEN = re.compile(r"token:(\d{1,4})", re.ASCII)
"""The position of one token of the prompt, given by its index."""

SHOWN = ("weights", "divergence", "difference", "beside", "what-if")
OF_PIN = ("difference", "beside")
"""What the grid can show of a pinned run."""


@dataclass(frozen=True)
class ViewSettings:
    """How a run is read and shown.

    Attributes:
        lens: Name of a lens.
        show: One of `SHOWN`.
        position: One of `analysis.measure.trace.POSITIONS`, `MEAN`, or one token: `token:12`.
        metric: Name of a metric.
        normalisation: One of `analysis.measure.normalisation.NORMALISATIONS`.
        temperature: The temperature of a normalisation that has one.
        span: The layers to show, as the visitor wrote them: `6–11`, `6–` or `6`; all layers if it
            is empty or cannot be used.
        signal: Name of the signal that relevance is measured by.
        relative: Whether it is divided by each adapter's usual one.
    """

    lens: str = "norm"
    show: str = "weights"
    position: str = "query"
    metric: str = "kl"
    normalisation: str = "sum"
    temperature: float = 1.0
    span: str = ""
    signal: str = DIVERGENCE
    relative: bool = False

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
            signal=settings.signal,
            relative=settings.relative,
        )

    @property
    def weight_settings(self) -> WeightSettings:
        """The settings that weights depend on."""
        return WeightSettings(
            self.lens,
            self.position,
            self.metric,
            self.normalisation,
            self.temperature,
            self.signal,
            self.relative,
        )

    @property
    def trace_settings(self) -> WeightSettings:
        """The settings that a trace is read with: none gives a mean over all tokens."""
        settings = self.weight_settings
        return settings if self.position in POSITIONS else replace(settings, position=KEPT[0])

    @property
    def plain(self) -> bool:
        """Whether the relevance is the divergence as it is."""
        return self.signal == DIVERGENCE and not self.relative

    def uses(self, setting: str) -> bool:
        """Whether the relevance depends on the lens, the metric or the position."""
        return setting in signals()[self.signal].uses

    @property
    def cell_position(self) -> str:
        """The kept position whose tokens explain a cell: a mean is explained at the query's."""
        return self.position if self.position in KEPT else KEPT[0]

    @property
    def kept_positions(self) -> tuple[str, ...]:
        """The kept positions whose divergences are read; empty for the mean over the query."""
        return KEPT if self.position == BOTH else tuple({self.position} & set(KEPT))

    @property
    def readable(self) -> ViewSettings:
        """These settings, at the query's last token where their position cannot be read."""
        can = self.plain or self.position in POSITIONS
        return self if can else replace(self, position=KEPT[0])

    @property
    def token(self) -> int | None:
        """Index of the token of the prompt that is read; None for other positions."""
        written = TOKEN.fullmatch(self.position)
        return int(written[1]) if written else None

    @property
    def reads_every_token(self) -> bool:
        """Whether the relevance needs every token to be read: a trace does not hold its position.

        No other relevance than the divergence as it is is read there.
        """
        return self.position not in POSITIONS and self.plain

    @property
    def lens_and_metric(self) -> tuple[str, str]:
        """The settings that divergences at every token depend on."""
        return self.lens, self.metric

    @property
    def needs(self) -> tuple[str | bool, ...]:
        """Lens, metric, position and signal: the settings that another relevance is read for."""
        return self.lens, self.metric, self.position, self.signal, self.relative

    def layers(self, count: int) -> range:
        """The layers to show of `count` layers; at least one, whatever the visitor wrote."""
        return LayerSpan(self.span).layers(count)

    def span_fault(self, count: int) -> str:
        """Why all layers are shown in place of the span, in a sentence; empty if they are not."""
        why = LayerSpan(self.span).fault(count)
        return joined(" ", (say("All layers are shown."), why)) if why else ""

    def kept_span(self, before: ViewSettings, count: int) -> tuple[ViewSettings, str]:
        """The settings with the span of those before where their own cannot be used.

        Args:
            before: The settings before.
            count: The number of layers.

        Returns:
            The settings, and why their own span is not used; empty if it is.
        """
        why = LayerSpan(self.span).fault(count)
        if not why:
            return self, ""
        return replace(self, span=before.span), f"{why} {LayerSpan(before.span).stay(count)} shown."

    @property
    def unit(self) -> str:
        """The unit of the relevance, after a space; empty if it has none."""
        return say(" × usual") if self.relative else self.signal_unit

    @property
    def signal_unit(self) -> str:
        """The unit of the signal, after a space; empty if it has none."""
        unit = self.token_unit if self.signal == DIVERGENCE else signals()[self.signal].unit
        return f" {unit.strip()}" if unit.strip() else ""

    @property
    def token_unit(self) -> str:
        """The unit of a divergence at a token, after a space; empty if it has none."""
        unit = metrics()[self.metric].unit
        return f" {unit}" if unit else ""

    @property
    def signal_name(self) -> str:
        """The signal within a sentence."""
        return say(signals()[self.signal].label.lower())

    @property
    def signal_label(self) -> str:
        """The signal at the beginning of a title, in English."""
        return signals()[self.signal].label

    @property
    def measure(self) -> str:
        """The name of the relevance beside an axis."""
        if self.relative:
            return say("{signal} over its usual", signal=self.signal_name)
        if not self.unit:
            return self.signal_name
        return say("{signal} in {unit}", signal=self.signal_name, unit=self.unit.strip())

    @property
    def token_measure(self) -> str:
        """The name of a divergence at a token beside an axis."""
        if not self.token_unit:
            return say("divergence")
        return say("{signal} in {unit}", signal=say("divergence"), unit=self.token_unit.strip())
