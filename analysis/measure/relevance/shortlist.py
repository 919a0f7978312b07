"""The shortlist: the adapters that are worth a row of their own, of many."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.measure.lenses import SATURATED
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.weight_settings import WeightSettings

LONGEST = 12
"""Of more adapters than so many, the page traces a shortlist alone."""

USUAL_LENGTH = 8
"""The length of the shortlist where nobody names one."""


@dataclass(frozen=True)
class Shortlist:
    """The adapters of a query that are traced, and those that are left out.

    Attributes:
        adapters: Those that are traced, in the order that they were given in.
        left_out: The others, the highest score first.
        scores: The score of each adapter by name; empty where there was nothing to choose.
    """

    adapters: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict, repr=False)


def shortlist_of(adapters: tuple[str, ...], score_K: Tensor, count: int) -> Shortlist:
    """The adapters with the highest scores.

    Args:
        adapters: Names of all adapters.
        score_K: The score of each, at least 0.
        count: The length of the shortlist.
    """
    order = score_K.argsort(descending=True, stable=True).tolist()
    kept = set(order[:count])
    return Shortlist(
        tuple(name for place, name in enumerate(adapters) if place in kept),
        tuple(adapters[place] for place in order[count:]),
        dict(zip(adapters, score_K.tolist(), strict=True)),
    )


def mean_weights(relevance: Relevance, settings: WeightSettings) -> Tensor:
    """Each adapter's mean weight over the layers in which the lens does not saturate, `[adapters]`.

    Where it saturates everywhere, it is the mean over all layers.
    """
    return settings.weigh(relevance.values_LK)[_clear(relevance)].mean(dim=0)


def mean_relevance(relevance: Relevance) -> Tensor:
    """Each adapter's mean relevance over the same layers, `[adapters]`."""
    return relevance.values_LK[_clear(relevance)].mean(dim=0)


def _clear(relevance: Relevance) -> Tensor:
    """Whether the lens does not saturate, by layer; true everywhere if it does in all."""
    clear_L = relevance.peak_L <= SATURATED
    return clear_L if bool(clear_L.any()) else torch.ones_like(clear_L)


def check_length(count: int) -> None:
    """Refuses a length that no shortlist can have.

    Raises:
        InputError: It is below 1.
    """
    if count < 1:
        raise InputError(f"A shortlist of {count} adapters is asked for: ask for at least 1.")
