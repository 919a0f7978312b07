"""The metrics: how far an adapter's distribution is from the base's, one file each.

A metric's file holds a `METRIC`. To add a metric, add its file: discovery lists it on the page, on
the command line and in permalinks. Files whose names start with an underscore hold what metrics
share, and no metric. The page lists the metrics before torch is loaded, so their files import torch
only when they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.discovery import discover
from analysis.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


@dataclass(frozen=True)
class Metric:
    """A measure of how far two distributions are apart.

    Attributes:
        name: The name that commands and links use.
        label: The name that people read.
        formula: Its formula, p the base's and q the adapter's distribution.
        of_pair: From the distributions of base and adapter to a number, a tensor without
            dimensions; values below 0 are round-off and become 0.
        unit: The unit of its values; empty where they have none.
        paper: Whether the metric is the paper's.
        order: Its place in lists: a lower number stands first.
    """

    name: str
    label: str
    formula: str
    of_pair: Callable[[Pair], Tensor]
    unit: str = ""
    paper: bool = False
    order: int = 100


def metrics() -> Mapping[str, Metric]:
    """All metrics by name, in their order."""
    return discover(__name__, tuple(__path__), "METRIC", Metric)


def check_metrics(names: Sequence[str]) -> None:
    """Refuses the names of metrics that do not exist.

    Raises:
        InputError: There is no such metric.
    """
    for name in names:
        if name not in metrics():
            raise InputError(f"There is no metric {name!r}: take one of {', '.join(metrics())}.")


def metric_of(given: str | Metric) -> Metric:
    """A metric by its name; a metric stays as it is.

    Raises:
        InputError: There is no such metric.
    """
    if isinstance(given, Metric):
        return given
    check_metrics((given,))
    return metrics()[given]


def measure_pairs(chosen: Sequence[Metric], base_V: Tensor, shift_NV: Tensor) -> Tensor:
    """The values of several metrics, which share the most expensive parts.

    Args:
        chosen: The metrics; they need not be among the listed ones.
        base_V: Logits of the base, `[vocabulary]`, float32 or float64.
        shift_NV: Shift of the logits by each adapter, `[n, vocabulary]`.

    Returns:
        `[metrics, n]` in float64, finite and at least 0.
    """
    import torch

    from analysis.measure.metrics._base_distribution import BaseDistribution
    from analysis.measure.metrics._pair import Pair

    base = BaseDistribution(base_V)
    values_MN = base_V.new_zeros(len(chosen), len(shift_NV), dtype=torch.float64)
    for adapter, shift_V in enumerate(shift_NV):
        # One adapter at a time: its pair takes tens of megabytes, and the next one replaces it.
        pair = Pair(base, shift_V)
        for place, metric in enumerate(chosen):
            values_MN[place, adapter] = metric.of_pair(pair)
    return values_MN.clamp_min(0.0)
