"""The Jensen–Shannon divergence: the mean KL divergence of both from their middle, m."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _of_pair(pair: Pair) -> Tensor:
    from torch.special import xlog1py

    both_V = pair.p_V + pair.q_V
    t_V = (pair.difference_V / both_V.clamp_min(1e-300)).clamp(-1.0, 1.0)
    terms_V: Tensor = xlog1py(1 + t_V, t_V) + xlog1py(1 - t_V, -t_V)
    return both_V.dot(terms_V) / 4


METRIC = Metric(
    name="js",
    label="Jensen–Shannon",
    formula="½ KL(p ‖ m) + ½ KL(q ‖ m)",
    of_pair=_of_pair,
    unit="nats",
    order=30,
)
