"""The signals: how an adapter's relevance to a query is measured, one file each.

A signal's file holds a `SIGNAL`. To add a signal, add its file: discovery lists it on the page, on
the command line and in permalinks. The page lists the signals before torch is loaded, so their
files import torch only when they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from analysis.common.discovery import discover
from analysis.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.divergence import Divergence
    from analysis.measure.metrics import Metric
    from analysis.models.adapters import Factor

Setting: TypeAlias = Literal["lens", "metric", "position"]
"""A setting that a signal may depend on."""


class SignalSource(Protocol):
    """What a signal may read of one query."""

    def divergence(self, metric: Metric | None = None) -> Divergence:
        """A comparison of base and adapters through the lens and at the position of the settings.

        Args:
            metric: Compares two distributions; the metric of the settings by default.
        """

    def module_mean(
        self, name: str, map_of: Callable[[Factor], Tensor], over: Literal["input", "output"]
    ) -> Tensor:
        """A ratio at the adapted modules in the base alone, the mean over the query's tokens.

        With `M = map_of(factor)` of a module and x its input, the ratio is `‖M x‖ / ‖x‖` over the
        input, or `‖M x‖ / ‖W x‖` over the output.

        Args:
            name: Names the ratio, so that it is computed once.
            map_of: From A and B to the adapter's matrix at a module, `[rank, inputs]` in float64.
            over: The denominator.

        Returns:
            The mean over the modules of a layer that the adapter changes, `[layers, adapters]` in
            float64; 0 where it changes none.
        """


@dataclass(frozen=True)
class Reading:
    """What a signal reads.

    Attributes:
        values_LK: Of each layer and adapter, `[layers, adapters]` in float64, at least 0.
        peak_L: The largest probability of the base's distribution where a lens reads it,
            `[layers]`; 0 where none does.
    """

    values_LK: Tensor
    peak_L: Tensor


@dataclass(frozen=True)
class Signal:
    """A measure of how much a query calls for each adapter, layer by layer.

    Attributes:
        name: The name that commands and links use.
        label: The name that people read.
        formula: Its formula; empty where the metric of the settings has one.
        summary: What it measures, in one sentence.
        read: Reads it.
        uses: The settings that it depends on.
        unit: The unit of its values; empty where they have none, or the metric's.
        of_trace: Whether it reads a trace; a signal that does not is read from the base alone.
        paper: Whether it is the paper's.
        order: Its place in lists: a lower number stands first.
    """

    name: str
    label: str
    formula: str
    summary: str
    read: Callable[[SignalSource], Reading]
    uses: tuple[Setting, ...] = ()
    unit: str = ""
    of_trace: bool = False
    paper: bool = False
    order: int = 100


DIVERGENCE = "divergence"
"""The paper's signal."""

CHANGE = "change"
"""The size of the changes of modules, which shortlists are chosen by, too."""


def signals() -> Mapping[str, Signal]:
    """All signals by name, in their order."""
    return discover(__name__, tuple(__path__), "SIGNAL", Signal)


def check_signal(name: str) -> None:
    """Refuses the name of a signal that does not exist.

    Raises:
        InputError: There is no such signal.
    """
    if name not in signals():
        raise InputError(f"There is no signal {name!r}: take one of {', '.join(signals())}.")


def of_modules(values_LK: Tensor) -> Reading:
    """The reading of a signal that no lens has a part in."""
    return Reading(values_LK, values_LK.new_zeros(len(values_LK)))
