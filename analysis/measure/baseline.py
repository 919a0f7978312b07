"""Baselines: usual values, such as of the divergence, over queries that belong to no domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from analysis.common.progress import Progress
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

    def among(self, places: Sequence[int]) -> Baseline:
        """The numbers of some of the adapters, given by their places."""
        chosen = list(places)
        return Baseline(self.mean_LK[:, chosen], self.deviation_LK[:, chosen], self.queries)


def neutral_queries() -> tuple[str, ...]:
    """The bundled neutral queries: everyday English, no mathematics, code or medicine."""
    lines = _NEUTRAL.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line.strip())


def each_neutral_query(progress: Progress | None) -> Iterator[tuple[str, Progress]]:
    """The neutral queries, one after the other, each with the progress of its own work.

    Args:
        progress: Told before each of them, and at each step of its work, how far all of it is.
    """
    queries = neutral_queries()
    for number, query in enumerate(queries):

        def told(what: str, share: float, number: int = number) -> None:
            if progress is not None:
                done = (number + share) / len(queries)
                progress(f"neutral query {number + 1} of {len(queries)}", done)

        told("", 0.0)
        yield query, told


def baseline_of(divergences: Sequence[Divergence]) -> Baseline:
    """The baseline from the divergences of at least two neutral queries."""
    values_QLK = torch.stack([found.values_LK for found in divergences]).double()
    return Baseline(values_QLK.mean(dim=0), values_QLK.std(dim=0), len(divergences))
