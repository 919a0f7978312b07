"""The paper's lens: the LM head alone, `z = W_LM h`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.measure.lenses import Lens

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.head import Head


def _before_head(hidden_RD: Tensor, head: Head, layer: int, fitted: Mapping[str, Tensor]) -> Tensor:
    return hidden_RD


LENS = Lens(
    name="raw",
    label="Raw",
    summary="The LM head alone, as in the paper.",
    before_head=_before_head,
    paper=True,
    order=20,
)
