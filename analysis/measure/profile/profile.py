"""The profile of a set of queries: mean weights and their spread, and bands of layers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.measure.lenses import SATURATED
from analysis.measure.profile import students_t
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.weight_settings import WeightSettings

BANDS = ("early", "middle", "late")
"""The bands: the first, second and last third of the layers."""


@dataclass(frozen=True)
class QueryWeights:
    """The weights of one query.

    Attributes:
        query: The query.
        weights_LK: `[layers, adapters]` in float64; NaN in layers where the lens saturates.
    """

    query: str
    weights_LK: Tensor = field(repr=False)

    @classmethod
    def of(cls, query: str, relevance: Relevance, settings: WeightSettings) -> QueryWeights:
        """The weights of a relevance."""
        weights_LK = settings.weigh(relevance.values_LK)
        weights_LK[relevance.peak_L > SATURATED] = math.nan
        return cls(query, weights_LK)

    @property
    def mean_K(self) -> Tensor:
        """Each adapter's mean weight over the layers that are not saturated, `[adapters]`."""
        return self.weights_LK.nanmean(dim=0)


@dataclass(frozen=True)
class Estimate:
    """A mean over queries.

    Attributes:
        mean: The mean.
        spread: The standard deviation over the queries; NaN for a single one.
        low: The lower end of the mean's 95 % interval by Student's t; NaN for a single query.
        high: Its upper end.
        count: Of how many queries it is the mean.
    """

    mean: float
    spread: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values_Q: Tensor) -> Estimate:
        """The mean of values, without those that are NaN; NaN if none is left."""
        clear_Q = values_Q[~values_Q.isnan()].double()
        count = len(clear_Q)
        mean = float(clear_Q.mean()) if count else math.nan
        if count < 2:
            return cls(mean, math.nan, math.nan, math.nan, count)
        spread = float(clear_Q.std())
        reach = students_t.reach(count - 1) * spread / math.sqrt(count)
        return cls(mean, spread, mean - reach, mean + reach, count)


@dataclass(frozen=True)
class Band:
    """A band of layers.

    Attributes:
        name: One of `BANDS`.
        first: Its first layer.
        last: Its last layer.
        weights: Each adapter's weight, the mean over the band's layers.
        led: In how many queries each adapter has the largest weight.
    """

    name: str
    first: int
    last: int
    weights: tuple[Estimate, ...]
    led: tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """How the weight of some adapters changes from one band to the next, query by query.

    Attributes:
        start: Name of the band before.
        end: Name of the band after.
        adapters: The adapters whose weights are added.
        change: The weight in the second band less that in the first.
        rises: In how many queries it rises.
    """

    start: str
    end: str
    adapters: tuple[str, ...]
    change: Estimate
    rises: int


@dataclass(frozen=True)
class Profile:
    """The profile of some queries.

    Attributes:
        adapters: Names of the adapters.
        settings: How relevance is read and turned into weights.
        queries: The weights of each query.
        weights: The weight of each layer and adapter over the queries, `[layers][adapters]`.
        counts: In how many queries the lens does not saturate, by layer.
        bands: The bands; fewer where there are fewer layers.
        moves: The change from each band to the next, of each adapter and of the adapters of each
            kind together.
    """

    adapters: tuple[str, ...]
    settings: WeightSettings
    queries: tuple[QueryWeights, ...]
    weights: tuple[tuple[Estimate, ...], ...]
    counts: tuple[int, ...]
    bands: tuple[Band, ...]
    moves: tuple[Move, ...]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.weights)


def profile_of(
    queries: Sequence[QueryWeights],
    adapters: tuple[str, ...],
    settings: WeightSettings,
    groups: Sequence[tuple[str, ...]] = (),
) -> Profile:
    """The profile of the weights of at least one query.

    Args:
        queries: The weights of each query.
        adapters: Names of the adapters.
        settings: How they were made.
        groups: Adapters whose weights are added in `moves`, such as all languages.
    """
    weights_QLK = torch.stack([one.weights_LK for one in queries])
    layers = weights_QLK.shape[1]
    named = [
        (name, places)
        for name, places in zip(BANDS, torch.arange(layers).tensor_split(len(BANDS)), strict=True)
        if len(places)
    ]
    # A band counts where the lens saturates in some of its layers, too: over the others.
    bands_QK = {name: weights_QLK[:, places].nanmean(dim=1) for name, places in named}
    bands = tuple(
        _band(name, int(places[0]), int(places[-1]), bands_QK[name]) for name, places in named
    )
    sums = [*((name,) for name in adapters), *(group for group in groups if len(group) > 1)]
    names = [name for name, _ in named]
    moves = tuple(
        _move(start, end, group, bands_QK, adapters)
        for start, end in itertools.pairwise(names)
        for group in sums
    )
    return Profile(
        adapters,
        settings,
        tuple(queries),
        tuple(
            tuple(Estimate.of(weights_QLK[:, layer, place]) for place in range(len(adapters)))
            for layer in range(layers)
        ),
        tuple((~weights_QLK[:, :, 0].isnan()).sum(dim=0).tolist()),
        bands,
        moves,
    )


def _band(name: str, first: int, last: int, weights_QK: Tensor) -> Band:
    clear_QK = weights_QK[~weights_QK[:, 0].isnan()]
    leading = clear_QK.argmax(dim=1).tolist() if len(clear_QK) else []
    count = range(weights_QK.shape[1])
    return Band(
        name,
        first,
        last,
        tuple(Estimate.of(weights_QK[:, place]) for place in count),
        tuple(leading.count(place) for place in count),
    )


def _move(
    start: str,
    end: str,
    group: tuple[str, ...],
    bands_QK: dict[str, Tensor],
    adapters: tuple[str, ...],
) -> Move:
    places = [adapters.index(name) for name in group]
    change_Q = (bands_QK[end] - bands_QK[start])[:, places].sum(dim=1)
    return Move(start, end, group, Estimate.of(change_Q), int((change_Q > 0).sum()))
