"""The cosine distance of the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _of_pair(pair: Pair) -> Tensor:
    # 1 − cos = (‖q − p‖² − (‖q‖ − ‖p‖)²) / (2 ‖p‖ ‖q‖)
    p, q = pair.p_V.square().sum().sqrt(), pair.q_V.square().sum().sqrt()
    lengths = pair.difference_V.dot(pair.p_V + pair.q_V) / (p + q)
    return (pair.difference_V.square().sum() - lengths.square()) / (2 * p * q)


METRIC = Metric(
    name="cosine",
    label="Cosine distance",
    formula="1 − p·q / (‖p‖ ‖q‖)",
    of_pair=_of_pair,
    order=50,
)
