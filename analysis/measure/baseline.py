"""Baselines: usual values, such as of the divergence, over queries that belong to no domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from analysis.measure.divergence import Divergence

_NEUTRAL = Path(__file__).resolve().parents[2] / "assets" / "neutral_queries.txt"


@dataclass(frozen=True)
class Baseline:
    """A number of each layer and adapter, such as the divergence, over neutral queries.

    Attributes:
        mean_LK: Mean over the queries, `[layers, adapters]` in float64.
        deviation_LK: Standard deviation over the queries, same shape.
        queries: Number of queries.
    """

    mean_LK: Tensor = field(repr=False)
    deviation_LK: Tensor = field(repr=False)
    queries: int


def neutral_queries() -> tuple[str, ...]:
    """The bundled neutral queries: everyday English, no mathematics, code or medicine."""
    lines = _NEUTRAL.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line.strip())


def baseline_of(divergences: Sequence[Divergence]) -> Baseline:
    """The baseline from the divergences of at least two neutral queries."""
    values_QLK = torch.stack([found.values_LK for found in divergences]).double()
    return Baseline(values_QLK.mean(dim=0), values_QLK.std(dim=0), len(divergences))
