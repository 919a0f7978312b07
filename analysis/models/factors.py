"""The change of one linear module by an adapter, as small matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

READ_ROWS = 1024
"""How many columns of a weight are read at a time."""


@dataclass(frozen=True)
class RowScale:
    """The part of a DoRA that rescales what the base's module gives: `s ⊙ (W x)`.

    Attributes:
        linear: The base's module; its bias is not rescaled.
        scale_O: s, `[outputs]`.
    """

    linear: nn.Module = field(repr=False)
    scale_O: Tensor = field(repr=False)

    @classmethod
    def of(cls, linear: nn.Module) -> RowScale:
        """The scale 0, which changes nothing."""
        return cls(linear, torch.zeros(0))

    def by(self, scale_O: Tensor) -> RowScale:
        """Another scale of the same module."""
        return replace(self, scale_O=scale_O)

    def weight_OI(self) -> Tensor:
        """W of the module, `[outputs, inputs]` on the CPU; a quantised one is unpacked."""
        packed: Any = getattr(self.linear, "weight", None)
        if getattr(getattr(packed, "quant_state", None), "packing_format_for_cpu", False):
            return _by_its_outputs(self.linear)
        weight: Tensor = dequantize_module_weight(self.linear).detach().cpu()
        return weight.T if isinstance(self.linear, Conv1D) else weight


@torch.inference_mode()
def _by_its_outputs(linear: Any) -> Tensor:
    """W of a linear from what it gives for unit vectors, without the hooks of a pass.

    On some CPUs bitsandbytes lays out 4-bit weights anew at their first pass, and reads that layout
    wrongly when it unpacks them.
    """
    size = linear.in_features
    parts = []
    for start in range(0, size, READ_ROWS):
        unit_NI = torch.zeros(min(READ_ROWS, size - start), size)
        unit_NI[:, start : start + READ_ROWS].fill_diagonal_(1)
        found_NO = linear.forward(unit_NI).float()
        parts.append(found_NO if linear.bias is None else found_NO - linear.bias.float())
    return torch.cat(parts).T.clone()


@dataclass(frozen=True)
class Factor:
    """The change of one linear module by an adapter: `ΔW x = B (A x) + s ⊙ (W x)`.

    Attributes:
        a_rI: `[rank, inputs]`.
        b_Or: `[outputs, rank]`, PEFT's scaling already in it.
        rows: s, of a DoRA; None of a LoRA.
    """

    a_rI: Tensor
    b_Or: Tensor
    rows: RowScale | None = None

    def pair(self) -> tuple[Tensor, Tensor]:
        """Two matrices whose product is all of ΔW: A and B, and for a DoRA W and s beside them."""
        if self.rows is None:
            return self.a_rI, self.b_Or
        weight_OI = self.rows.weight_OI().to(self.a_rI)
        return (
            torch.cat([self.a_rI, weight_OI]),
            torch.cat([self.b_Or, self.rows.scale_O.to(self.b_Or).diag()], dim=1),
        )

    def moves(self) -> bool:
        """Whether ΔW is not 0 for want of a matrix that is not."""
        if self.rows is not None and bool(self.rows.scale_O.any()):
            return True
        return bool(self.a_rI.any()) and bool(self.b_Or.any())

    def norm(self) -> float:
        """`‖ΔW‖`, its Frobenius norm, without forming ΔW where that is not needed."""
        a_rI, b_Or = self.a_rI.double(), self.b_Or.double()
        if self.rows is not None:
            weight_OI = self.rows.weight_OI().double()
            delta_OI = b_Or @ a_rI + self.rows.scale_O.double().unsqueeze(1) * weight_OI
            return float(delta_OI.norm())
        # A sum of squares, which rounding may take below 0; `clamp` leaves NaN, `max` would not.
        return math.sqrt(float(((a_rI @ a_rI.T) * (b_Or.T @ b_Or)).sum().clamp(min=0.0)))


def delta_norm(factors: Iterable[Factor]) -> float:
    """`‖ΔW‖`, the Frobenius norm over the modules of an adapter."""
    return math.hypot(*(factor.norm() for factor in factors))
