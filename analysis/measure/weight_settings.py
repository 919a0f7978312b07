"""The settings between a trace and its fusion weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.measure.lenses import check_lens
from analysis.measure.metrics import check_metrics
from analysis.measure.normalisation import check_normalisation, weigh
from analysis.measure.signals import DIVERGENCE, check_signal
from analysis.measure.trace import check_position

if TYPE_CHECKING:
    # The page makes settings before torch is loaded.
    from torch import Tensor

    from analysis.models.collection import Collection


@dataclass(frozen=True)
class WeightSettings:
    """How the adapters' relevance is read and turned into weights.

    Attributes:
        lens: Name of a lens.
        position: One of `trace.POSITIONS`.
        metric: Name of a metric.
        normalisation: Name of a normalisation.
        temperature: Of a normalisation that has one.
        signal: Name of a signal; the paper's is the divergence.
        relative: Whether the signal is divided by each adapter's usual one, its mean over neutral
            queries.
    """

    lens: str = "norm"
    position: str = "query"
    metric: str = "kl"
    normalisation: str = "sum"
    temperature: float = 1.0
    signal: str = DIVERGENCE
    relative: bool = False

    def check(self) -> None:
        """Refuses settings that cannot be used.

        Raises:
            InputError: There is no such lens, position, metric, normalisation or signal, or the
                temperature is not above 0.
        """
        check_signal(self.signal)
        check_lens(self.lens)
        check_position(self.position)
        check_metrics((self.metric,))
        check_normalisation(self.normalisation, self.temperature)

    def weigh(self, relevance_LK: Tensor) -> Tensor:
        """The weights of a relevance, `[layers, adapters]` in float64."""
        return weigh(relevance_LK, self.normalisation, self.temperature)


def default_settings(collection: Collection) -> WeightSettings:
    """The settings that a collection's manifest names; the paper's where it names none."""
    return WeightSettings(
        lens=collection.lens,
        position=collection.position,
        normalisation=collection.normalisation,
    )
