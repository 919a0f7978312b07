"""Copies of one adapter whose effect is known beforehand: zero, a duplicate, doubled.

What they teach: an adapter that does nothing gets nothing, a voice that is there twice is heard
twice, and a divergence measures an adapter's size as well as its relevance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from analysis.measure.divergence import Divergence
from analysis.measure.normalisation import weigh

COPIES = {"zero": 0.0, "duplicate": 1.0, "doubled": 2.0}
"""Each copy's factor of ΔW."""


def copy_name(adapter: str, copy: str) -> str:
    """What a trace calls a copy; no adapter of a collection can be called so."""
    return f"{adapter} ({copy})"


@dataclass(frozen=True)
class CopyComparison:
    """An adapter beside its zero, duplicate and doubled copies, as if all four were fused.

    Attributes:
        adapter: The adapter.
        names: It and its copies, `[4]`.
        divergence_LC: `[layers, 4]`, in the order of `names`.
        weights_LC: `[layers, 4]`, each layer summing to 1.
        zero: The zero copy's largest divergence.
        apart: The largest difference between the divergences of adapter and duplicate, relative
            to the adapter's.
        growth_L: How many times the doubled copy's divergence is the adapter's, `[layers]`; NaN
            where the adapter's is 0.
    """

    adapter: str
    names: tuple[str, ...]
    divergence_LC: Tensor = field(repr=False)
    weights_LC: Tensor = field(repr=False)
    zero: float
    apart: float
    growth_L: Tensor = field(repr=False)


def compare(
    adapter: str, reading: Divergence, normalisation: str = "sum", temperature: float = 1.0
) -> CopyComparison:
    """Puts an adapter beside its copies.

    Args:
        adapter: Its name.
        reading: The divergence of a trace from `Engine.copies`.
        normalisation: One of `weights.NORMALISATIONS`.
        temperature: Of a normalisation that has one.

    Raises:
        InputError: There is no such normalisation.
    """
    own_L, zero_L, duplicate_L, doubled_L = reading.values_LK.unbind(dim=1)
    acts_L = own_L > 0
    apart_L = (duplicate_L - own_L).abs()[acts_L] / own_L[acts_L]
    return CopyComparison(
        adapter=adapter,
        names=(adapter, *COPIES),
        divergence_LC=reading.values_LK,
        weights_LC=weigh(reading.values_LK, normalisation, temperature),
        zero=float(zero_L.max()),
        apart=float(apart_L.max()) if len(apart_L) else 0.0,
        growth_L=(doubled_L / own_L).where(acts_L, float("nan")),
    )
