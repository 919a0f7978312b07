"""Rows: what each item of a batch weighs the adapters by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Row:
    """One item of a batch, with its own weights.

    Attributes:
        name: What it is called in results.
        adapters: The adapters that the weights are over.
        weights_LK: `[layers, adapters]`.
    """

    name: str
    adapters: tuple[str, ...]
    weights_LK: Tensor

    def __post_init__(self) -> None:
        if self.weights_LK.dim() != 2 or self.weights_LK.shape[1] != len(self.adapters):
            raise InputError(
                f"Row {self.name}: weights of shape {tuple(self.weights_LK.shape)} are not "
                f"[layers, {len(self.adapters)} adapters]."
            )
        if not bool(self.weights_LK.isfinite().all()):
            raise InputError(f"Row {self.name} has a weight that is NaN or infinite.")

    def over(self, adapters: tuple[str, ...]) -> Tensor:
        """The weights over another list of adapters, 0 for those that this row does not name."""
        weights_LK = self.weights_LK.double().new_zeros(self.weights_LK.shape[0], len(adapters))
        for index, name in enumerate(self.adapters):
            weights_LK[:, adapters.index(name)] = self.weights_LK[:, index].double()
        return weights_LK
