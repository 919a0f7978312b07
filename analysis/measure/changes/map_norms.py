"""Norms of small linear maps of a module's input: one map for each adapter and module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from analysis.models.adapters import Factor


@dataclass(frozen=True, eq=False)
class Rescaled:
    """The change of a module by a DoRA, `B (A x) + s ⊙ (W x)`.

    No small matrix has its norm, and a full one would be as large as the module; but every pass
    has W x.

    Attributes:
        a_rI: A, `[rank, inputs]`.
        b_Or: B with PEFT's scaling, `[outputs, rank]`.
        scale_O: s, `[outputs]`.
    """

    a_rI: Tensor = field(repr=False)
    b_Or: Tensor = field(repr=False)
    scale_O: Tensor = field(repr=False)

    def norms(self, x_NI: Tensor, own_NO: Tensor) -> Tensor:
        """`‖ΔW x‖` for inputs x and the module's own outputs W x, without bias: `[…]`."""
        change_NO = x_NI @ self.a_rI.to(x_NI).T @ self.b_Or.to(x_NI).T
        change_NO += own_NO.to(x_NI) * self.scale_O.to(x_NI)
        norms_N: Tensor = change_NO.norm(dim=-1)
        return norms_N


@dataclass(frozen=True, eq=False)
class MapNorms:
    """Computes `‖M_j x‖` for the input x of a module, with a small matrix `M_j` for each adapter.

    Attributes:
        changing: For each module the adapters that change it: those with a matrix first, then
            those that rescale it, too.
        maps: For each module the matrices, `[adapters, rank, inputs]`, lower ranks padded with
            zeros; in float32, or float64 where an adapter is.
        rescaled: For each module the changes that are no small matrix, by adapter.
    """

    changing: Mapping[str, tuple[str, ...]]
    maps: Mapping[str, Tensor] = field(repr=False)
    rescaled: Mapping[str, Mapping[str, Rescaled]] = field(default_factory=dict, repr=False)

    def norms(
        self,
        module: str,
        x_NI: Tensor,
        adapters: tuple[str, ...],
        absent: float = 0.0,
        own_NO: Tensor | None = None,
    ) -> Tensor:
        """The norms at one module.

        Args:
            module: Name of the module.
            x_NI: Inputs of the module, `[…, inputs]`.
            adapters: Names of adapters.
            absent: Given for adapters that do not change the module.
            own_NO: The module's own outputs for these inputs, without bias, `[…, outputs]`; needed
                where a module is in `rescaled`.

        Returns:
            `[…, adapters]`, on the device of the maps and at least in their precision: half
            precision would blur close norms.
        """
        maps_KrI, rescaled = self.maps.get(module), self.rescaled.get(module, {})
        names = () if maps_KrI is None else self.changing[module][: len(maps_KrI)]
        places = [place for place, name in enumerate(adapters) if name in names]
        parts: dict[int, Tensor] = {}
        if places and maps_KrI is not None:
            chosen = [names.index(adapters[place]) for place in places]
            if chosen != list(range(len(names))):
                maps_KrI = maps_KrI[chosen]
            precision = torch.promote_types(x_NI.dtype, maps_KrI.dtype)
            there_NI = x_NI.to(maps_KrI.device, precision)
            images_NS = there_NI @ maps_KrI.to(precision).flatten(0, 1).T
            norms_Nk: Tensor = images_NS.unflatten(-1, maps_KrI.shape[:2]).norm(dim=-1)
            if len(places) == len(adapters):
                return norms_Nk
            parts = dict(zip(places, norms_Nk.unbind(-1), strict=True))
        for place, name in enumerate(adapters):
            if name in rescaled:
                assert own_NO is not None, "a DoRA's change needs the module's own output"
                one = rescaled[name]
                precision = torch.promote_types(x_NI.dtype, torch.float32)
                if one.a_rI.dtype == torch.float64:
                    precision = torch.float64
                device = one.a_rI.device
                parts[place] = one.norms(x_NI.to(device, precision), own_NO.to(device))
        if not parts:
            return x_NI.new_full((*x_NI.shape[:-1], len(adapters)), absent, dtype=torch.float32)
        first = next(iter(parts.values()))
        nothing_N = first.new_full(first.shape, absent)
        return torch.stack([parts.get(one, nothing_N) for one in range(len(adapters))], dim=-1)


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


def change_norms(factors: Mapping[str, Mapping[str, Factor]]) -> MapNorms:
    """Computes `‖ΔW x‖` of some adapters: from small matrices, and from the outputs for DoRAs.

    Args:
        factors: For each adapter its A and B by name of the module.
    """
    plain: dict[str, dict[str, Factor]] = {}
    rescaled: dict[str, dict[str, Rescaled]] = {}
    for adapter, own in factors.items():
        plain[adapter] = {name: factor for name, factor in own.items() if factor.rows is None}
        for name, factor in own.items():
            if factor.rows is not None and factor.moves():
                change = Rescaled(factor.a_rI, factor.b_Or, factor.rows.scale_O)
                rescaled.setdefault(name, {})[adapter] = change
    small = map_norms(plain, change_map)
    changing = {
        module: (*small.changing.get(module, ()), *rescaled.get(module, ()))
        for module in (*small.changing, *rescaled)
    }
    return MapNorms(changing, small.maps, rescaled)


def change_map(factor: Factor) -> Tensor:
    """A small matrix M with `‖M x‖ = ‖ΔW x‖` for every x, `[rank, inputs]` in float64.

    With `B = Q R`, where the columns of Q are orthonormal, `‖B A x‖ = ‖R A x‖`, so `M = R A` (SEQR,
    arXiv 2509.18093). PEFT's scaling is in B. For a DoRA M has as many rows as the module has
    outputs: see `change_norms`.
    """
    a_rI, b_Or = factor.pair()
    r_rr: Tensor = torch.linalg.qr(b_Or.double(), mode="r").R
    return r_rr @ a_rI.double()


def direction_map(factor: Factor) -> Tensor:
    """The top right singular vector of `ΔW = B A`, `[1, inputs]`, without forming ΔW.

    With `Aᵀ = Q R`, `ΔW = B Rᵀ Qᵀ`, and the vector is `Q u`, with u the top eigenvector of
    `R BᵀB Rᵀ`, a matrix as small as the rank. Zeros where ΔW is 0.
    """
    a_rI, b_Or = (matrix.double() for matrix in factor.pair())
    if not bool(a_rI.any()) or not bool(b_Or.any()):
        return torch.zeros_like(a_rI[:1])
    q_Ir, r_rr = torch.linalg.qr(a_rI.T)
    gram_rr = r_rr @ (b_Or.T @ b_Or) @ r_rr.T
    direction_I: Tensor = q_Ir @ torch.linalg.eigh(gram_rr).eigenvectors[:, -1]
    return direction_I.unsqueeze(0)


def _stacked(maps: tuple[Tensor, ...]) -> Tensor:
    rank = max(len(map_rI) for map_rI in maps)
    return torch.stack([nn.functional.pad(one, (0, 0, 0, rank - len(one))) for one in maps])
