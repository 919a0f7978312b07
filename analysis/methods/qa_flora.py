"""qa-FLoRA (arXiv 2512.11366): each adapter by its share of the divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.normalisation import normalise
from analysis.methods import Method, Reading

if TYPE_CHECKING:
    from torch import Tensor


def _weights(reading: Reading, adapter: str) -> Tensor:
    return normalise(reading.divergence())


METHOD = Method(
    "qa-flora",
    "qa-FLoRA",
    "In each layer, every adapter weighs its share of the divergence that this query causes.",
    _weights,
    order=30,
)
