"""`KL(q ‖ p)`: the KL divergence with base and adapter exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _of_pair(pair: Pair) -> Tensor:
    # The differences add up to 0; with them every term is at least 0.
    return (pair.q_V * pair.log_ratio_V - pair.difference_V).sum()


METRIC = Metric(
    name="reverse-kl",
    label="Reverse KL",
    formula="Σ q log(q / p)",
    of_pair=_of_pair,
    unit="nats",
    order=20,
)
