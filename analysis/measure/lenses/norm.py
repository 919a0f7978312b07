"""The logit lens as commonly used: the model's final norm, then the LM head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.measure.lenses import Lens

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.head import Head


def _before_head(hidden_RD: Tensor, head: Head, layer: int, fitted: Mapping[str, Tensor]) -> Tensor:
    return head.norm(hidden_RD)


LENS = Lens(
    name="norm",
    label="Normalised",
    summary="The model's final norm, then the LM head.",
    before_head=_before_head,
    order=10,
)
