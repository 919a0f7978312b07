"""Control copies of an adapter, whose effect is known beforehand: zero, duplicate and doubled.

They show that an adapter without effect gets no weight, that an adapter loaded twice gets twice the
weight, and that a divergence measures an adapter's size as well as its relevance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from analysis.measure.divergence import Divergence
from analysis.measure.normalisation import weigh

COPY_FACTORS = {"zero": 0.0, "duplicate": 1.0, "doubled": 2.0}
"""The factor of the adapter's ΔW in each copy."""


def copy_name(adapter: str, copy: str) -> str:
    """The name of a copy in a trace; no adapter of a collection may have such a name."""
    return f"{adapter} ({copy})"


@dataclass(frozen=True)
class CopyComparison:
    """An adapter and its zero, duplicate and doubled copies, as if all four were fused.

    Attributes:
        adapter: The adapter's name.
        names: The adapter's name and the keys of `COPY_FACTORS`.
        divergence_LC: `[layers, 4]`, in the order of `names`.
        weights_LC: `[layers, 4]`, each layer summing to 1.
        zero_divergence: The largest divergence of the zero copy.
        duplicate_error: The largest difference between the divergences of adapter and duplicate,
            relative to the adapter's.
        doubled_ratio_L: The doubled copy's divergence over the adapter's, `[layers]`; NaN where the
            adapter's is 0.
    """

    adapter: str
    names: tuple[str, ...]
    divergence_LC: Tensor = field(repr=False)
    weights_LC: Tensor = field(repr=False)
    zero_divergence: float
    duplicate_error: float
    doubled_ratio_L: Tensor = field(repr=False)


def compare_copies(
    adapter: str, divergence: Divergence, normalisation: str = "sum", temperature: float = 1.0
) -> CopyComparison:
    """Compares an adapter with its copies.

    Args:
        adapter: The adapter's name.
        divergence: The divergence of a trace from `Engine.copies`.
        normalisation: One of `normalisation.NORMALISATIONS`.
        temperature: Of a normalisation that has one.

    Raises:
        InputError: There is no such normalisation.
    """
    own_L, zero_L, duplicate_L, doubled_L = divergence.values_LK.unbind(dim=1)
    diverges_L = own_L > 0
    error_L = (duplicate_L - own_L).abs()[diverges_L] / own_L[diverges_L]
    return CopyComparison(
        adapter=adapter,
        names=(adapter, *COPY_FACTORS),
        divergence_LC=divergence.values_LK,
        weights_LC=weigh(divergence.values_LK, normalisation, temperature),
        zero_divergence=float(zero_L.max()),
        duplicate_error=float(error_L.max()) if len(error_L) else 0.0,
        doubled_ratio_L=(doubled_L / own_L).where(diverges_L, float("nan")),
    )
