"""Ratios at the adapted modules of the base alone, the mean over some tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.inference.mixing.sites import layer_of
from analysis.measure.changes.map_norms import MapNorms


class ModuleMeans:
    """Takes the mean of `‖M x‖ / ‖x‖` or `‖M x‖ / ‖W x‖`, module by module, while the base runs.

    Args:
        maps: Computes `‖M x‖` for each adapter.
        adapters: Names of the adapters.
        layers: Number of layers.
        tokens: The tokens of the mean.
        over_output: Whether `‖W x‖` is the denominator, in the place of `‖x‖`.
    """

    def __init__(
        self,
        maps: MapNorms,
        adapters: tuple[str, ...],
        layers: int,
        tokens: slice,
        *,
        over_output: bool,
    ) -> None:
        self._maps = maps
        self._adapters = adapters
        self._tokens = tokens
        self._over_output = over_output
        self._sums_LK = torch.zeros(layers, len(adapters), dtype=torch.float64)
        self._count_LK = torch.zeros_like(self._sums_LK)

    def read(self, module: str, x_TI: Tensor, out_TO: Tensor) -> None:
        """Takes the input and the output of a module, from `BaseReads.read_modules`."""
        x_TI, out_TO = x_TI[self._tokens], out_TO[self._tokens]
        norms_TK = self._maps.norms(module, x_TI, self._adapters, own_NO=out_TO).double().cpu()
        below_TN = out_TO if self._over_output else x_TI
        precise = below_TN.dtype == torch.float64
        below_T1 = (below_TN if precise else below_TN.float()).norm(dim=-1, keepdim=True)
        below_T1 = below_T1.double().cpu()
        # Where the denominator is 0 there is no share to speak of.
        ratios_TK = torch.where(below_T1 > 0, norms_TK / below_T1, 0.0)
        layer = layer_of(module, len(self._sums_LK))
        changing = self._maps.changing.get(module, ())
        self._sums_LK[layer] += ratios_TK.mean(dim=0)
        self._count_LK[layer] += torch.tensor([name in changing for name in self._adapters])

    def mean_LK(self) -> Tensor:
        """The mean over the modules that an adapter changes, `[layers, adapters]` in float64."""
        return self._sums_LK / self._count_LK.clamp_min(1)
