"""How large each adapter's change of its modules is in one prompt, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.inference.mixing.sites import layer_of
from analysis.measure.changes.map_norms import MapNorms
from analysis.measure.trace import BOTH, KEPT, check_position


@dataclass(frozen=True)
class Changes:
    """How large the changes `ΔW x` are, with x the base's input of a module.

    A number of a layer and adapter is the mean over the modules that the adapter changes there; 0
    where it changes none.

    Attributes:
        absolute_PLK: `‖ΔW x‖` at the positions of `trace.KEPT`, `[positions, layers, adapters]` in
            float64.
        relative_PLK: `‖ΔW x‖ / ‖W x‖`, with W the base's weight: same shape.
    """

    absolute_PLK: Tensor = field(repr=False)
    relative_PLK: Tensor = field(repr=False)

    def absolute(self, position: str) -> Tensor:
        """`‖ΔW x‖` at one of `trace.POSITIONS`, `[layers, adapters]` in float64."""
        return at_position(self.absolute_PLK, position)

    def relative(self, position: str) -> Tensor:
        """`‖ΔW x‖ / ‖W x‖` at one of `trace.POSITIONS`, `[layers, adapters]` in float64."""
        return at_position(self.relative_PLK, position)


def at_position(values_PN: Tensor, position: str) -> Tensor:
    """Values at a position; at both it is the mean of those at the kept positions.

    Args:
        values_PN: `[kept positions, …]`.
        position: One of `trace.POSITIONS`.

    Raises:
        InputError: There is no such position.
    """
    check_position(position)
    return values_PN.mean(dim=0) if position == BOTH else values_PN[KEPT.index(position)]


def changes_of(
    inputs: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    change_norms: MapNorms,
    adapters: tuple[str, ...],
    layers: int,
) -> Changes:
    """The changes of some adapters.

    Args:
        inputs: Input of each module at the kept positions, `[positions, inputs]` by name.
        outputs: `W x` of each module at the kept positions, `[positions, outputs]` by name.
        change_norms: Computes `‖ΔW x‖`.
        adapters: Names of the adapters.
        layers: Number of layers.
    """
    sums_2PLK = torch.zeros(2, len(KEPT), layers, len(adapters), dtype=torch.float64)
    count_LK = torch.zeros(layers, len(adapters), dtype=torch.float64)
    for module, x_PI in inputs.items():
        layer = layer_of(module, layers)
        own_PO = outputs[module]
        norms_PK = change_norms.norms(module, x_PI, adapters, own_NO=own_PO).double().cpu()
        base_P1 = own_PO.norm(dim=1, keepdim=True).double()
        # Where the base gives 0 there is no share to speak of.
        shares_PK = torch.where(base_P1 > 0, norms_PK / base_P1, 0)
        sums_2PLK[:, :, layer] += torch.stack([norms_PK, shares_PK])
        changing = change_norms.changing.get(module, ())
        count_LK[layer] += torch.tensor([name in changing for name in adapters])
    absolute_PLK, relative_PLK = sums_2PLK / count_LK.clamp_min(1)
    return Changes(absolute_PLK, relative_PLK)
