"""Normalisations: rules from divergences to fusion weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError

if TYPE_CHECKING:
    # The page lists the normalisations before torch is loaded.
    from torch import Tensor

NEGLIGIBLE = 1e-30
"""Where no divergence of a layer is larger, no adapter counts as moving the base there: float32
round-off of a real difference is far above it, and quotients of such numbers would be noise."""


def normalise(divergence_LK: Tensor) -> Tensor:
    """qa-FLoRA's weights: each adapter's share of its layer's divergence.

    `α_j = div_j / Σ_i div_i` per layer (arXiv 2512.11366); where nothing diverges, 1/k.

    Args:
        divergence_LK: `[layers, adapters]`, never negative or NaN.

    Returns:
        `[layers, adapters]` in float64, at least 0, each layer summing to 1.
    """
    divergence_LK = divergence_LK.double()
    # Dividing by the largest first keeps sums of huge or tiny values finite.
    largest_L1 = divergence_LK.amax(dim=1, keepdim=True)
    relative_LK = divergence_LK / largest_L1.clamp_min(NEGLIGIBLE)
    share_LK = relative_LK / relative_LK.sum(dim=1, keepdim=True).clamp_min(1e-300)
    return share_LK.where(largest_L1 > NEGLIGIBLE, 1.0 / divergence_LK.shape[1])


def _roots(divergence_LK: Tensor, temperature: float) -> Tensor:
    return divergence_LK.sqrt()


def _exponentials(divergence_LK: Tensor, temperature: float) -> Tensor:
    # The largest is subtracted, so that nothing overflows; the shares stay the same.
    return ((divergence_LK - divergence_LK.amax(dim=1, keepdim=True)) / temperature).exp()


def _largest(divergence_LK: Tensor, temperature: float) -> Tensor:
    return (divergence_LK == divergence_LK.amax(dim=1, keepdim=True)).double()


@dataclass(frozen=True)
class Normalisation:
    """A rule from divergences to weights that sum to 1 in every layer.

    The rule turns each divergence into a term. A weight is the term's share of its layer's terms,
    mixed with an equal share for every adapter.

    Attributes:
        name: The name that commands and links use.
        label: The name that people read.
        formula: Its formula.
        terms: From `[layers, adapters]` in float64 and a temperature to terms of the same shape,
            at least 0; None where the divergences themselves are the terms.
        uniform_share: How much of the weight the adapters share equally, 0 to 1.
        uses_temperature: Whether the temperature changes the terms.
        paper: Whether the normalisation is the paper's.
        remark: How the terms are computed, if the formula does not say it all.
    """

    name: str
    label: str
    formula: str
    terms: Callable[[Tensor, float], Tensor] | None = None
    uniform_share: float = 0.0
    uses_temperature: bool = False
    paper: bool = False
    remark: str = ""

    def terms_of(self, divergence_LK: Tensor, temperature: float) -> Tensor:
        """The terms, `[layers, adapters]` in float64."""
        divergence_LK = divergence_LK.double()
        return divergence_LK if self.terms is None else self.terms(divergence_LK, temperature)


NORMALISATIONS = {
    one.name: one
    for one in (
        Normalisation("sum", "Share of the sum", "d / Σ d", paper=True),
        Normalisation("root", "Share of the roots", "√d / Σ √d", _roots),
        Normalisation(
            "softmax",
            "Softmax",
            "exp(d / T) / Σ exp(d / T)",
            _exponentials,
            uses_temperature=True,
            remark="The largest d is subtracted from each d first; the shares stay the same.",
        ),
        Normalisation("top-1", "Largest only", "1 for the largest; ties share", _largest),
        Normalisation(
            "mixed", "Half uniform", "½ d / Σ d + ½ / number of adapters", uniform_share=0.5
        ),
    )
}


def weigh(divergence_LK: Tensor, normalisation: str = "sum", temperature: float = 1.0) -> Tensor:
    """Weights from divergences, by the name of a normalisation; 1/k where nothing diverges.

    Raises:
        InputError: There is no such normalisation, or the temperature is not above 0.
    """
    check_normalisation(normalisation, temperature)
    rule = NORMALISATIONS[normalisation]
    share_LK = normalise(rule.terms_of(divergence_LK, temperature))
    uniform = 1 / share_LK.shape[1]
    share_LK = share_LK.where(divergence_LK.amax(dim=1, keepdim=True) > NEGLIGIBLE, uniform)
    if not rule.uniform_share:
        return share_LK
    return (1 - rule.uniform_share) * share_LK + rule.uniform_share * uniform


def check_normalisation(normalisation: str, temperature: float = 1.0) -> None:
    """Refuses a normalisation or a temperature that cannot be used.

    Raises:
        InputError: There is no such normalisation, or the temperature is not above 0.
    """
    if normalisation not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise InputError(f"There is no normalisation {normalisation!r}: take one of {known}.")
    if not 0.0 < temperature < float("inf"):
        raise InputError(f"The temperature is {temperature}: take a number above 0.")
