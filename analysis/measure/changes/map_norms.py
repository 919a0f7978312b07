"""Norms of small linear maps of a module's input: one map for each adapter and module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from analysis.models.adapters import Factor


@dataclass(frozen=True, eq=False)
class MapNorms:
    """Computes `‖M_j x‖` for the input x of a module, with a small matrix `M_j` for each adapter.

    Attributes:
        changing: For each module the adapters whose matrix is not 0.
        maps: For each module their matrices, `[changing, rank, inputs]`, lower ranks padded with
            zeros; in float32, or float64 where an adapter is.
    """

    changing: Mapping[str, tuple[str, ...]]
    maps: Mapping[str, Tensor] = field(repr=False)

    def norms(
        self, module: str, x_NI: Tensor, adapters: tuple[str, ...], absent: float = 0.0
    ) -> Tensor:
        """The norms at one module.

        Args:
            module: Name of the module.
            x_NI: Inputs of the module, `[…, inputs]`.
            adapters: Names of adapters.
            absent: Given for adapters whose matrix is 0.

        Returns:
            `[…, adapters]`, on the device of the maps and at least in their precision: half
            precision would blur close norms.
        """
        names = self.changing.get(module, ())
        places = [place for place, name in enumerate(adapters) if name in names]
        if not places:
            return x_NI.new_full((*x_NI.shape[:-1], len(adapters)), absent, dtype=torch.float32)
        maps_KrI = self.maps[module]
        chosen = [names.index(adapters[place]) for place in places]
        if chosen != list(range(len(names))):
            maps_KrI = maps_KrI[chosen]
        precision = torch.promote_types(x_NI.dtype, maps_KrI.dtype)
        x_NI = x_NI.to(maps_KrI.device, precision)
        images_NS = x_NI @ maps_KrI.to(precision).flatten(0, 1).T
        norms_Nk: Tensor = images_NS.unflatten(-1, maps_KrI.shape[:2]).norm(dim=-1)
        if len(places) == len(adapters):
            return norms_Nk
        norms_NK = norms_Nk.new_full((*norms_Nk.shape[:-1], len(adapters)), absent)
        norms_NK[..., places] = norms_Nk
        return norms_NK


def map_norms(
    factors: Mapping[str, Mapping[str, Factor]], map_of: Callable[[Factor], Tensor]
) -> MapNorms:
    """The maps of some adapters.

    Args:
        factors: For each adapter its A and B by name of the module.
        map_of: From A and B to the adapter's matrix at a module, `[rank, inputs]` in float64.
    """
    found: dict[str, dict[str, Tensor]] = {}
    precise = False
    for adapter, own in factors.items():
        for module, factor in own.items():
            map_rI = map_of(factor)
            if bool(map_rI.any()):
                found.setdefault(module, {})[adapter] = map_rI
            precise |= factor.a_rI.dtype == torch.float64
    precision = torch.float64 if precise else torch.float32
    return MapNorms(
        {module: tuple(own) for module, own in found.items()},
        {module: _stacked(tuple(own.values())).to(precision) for module, own in found.items()},
    )


def change_map(factor: Factor) -> Tensor:
    """A small matrix M with `‖M x‖ = ‖ΔW x‖` for every x, `[rank, inputs]` in float64.

    With `B = Q R`, where the columns of Q are orthonormal, `‖B A x‖ = ‖R A x‖`, so `M = R A` (SEQR,
    arXiv 2509.18093). PEFT's scaling is in B.
    """
    r_rr: Tensor = torch.linalg.qr(factor.b_Or.double(), mode="r").R
    return r_rr @ factor.a_rI.double()


def _stacked(maps: tuple[Tensor, ...]) -> Tensor:
    rank = max(len(map_rI) for map_rI in maps)
    return torch.stack([nn.functional.pad(one, (0, 0, 0, rank - len(one))) for one in maps])
