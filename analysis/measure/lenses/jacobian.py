"""The Jacobian lens: what a state adds to the last layer's state, on average over texts.

`lens_l(h) = unembed(J_l h)` with `J_l = E[∂h_last / ∂h_l]` (Gurnee et al. 2026,
transformer-circuits.pub/2026/workspace); unembed is the final norm, the LM head and its cap.
`python -m analysis fit-lens jacobian` estimates the matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.lenses import Lens

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.head import Head

MATRICES = "jacobians_LDD"
"""The tensor of the fitted file, `[layers, width, width]`."""


def _before_head(hidden_RD: Tensor, head: Head, layer: int, fitted: Mapping[str, Tensor]) -> Tensor:
    import torch

    jacobians_LDD, width = fitted[MATRICES], hidden_RD.shape[1]
    if layer >= len(jacobians_LDD) or jacobians_LDD.shape[1:] != (width, width):
        raise InputError(
            f"The fitted file of the {LENS.name} lens holds matrices "
            f"{list(jacobians_LDD.shape)}, not those of a base of width {width} with layer "
            f"{layer}: make it anew with `python -m analysis fit-lens {LENS.name}`."
        )
    matrix_DD = jacobians_LDD[layer].to(hidden_RD)
    # The differences go through the matrix as they are: a difference of two products would have
    # lost its digits, and that of equal states might not be exactly 0.
    base_1D, differences_KD = hidden_RD[:1], hidden_RD[1:] - hidden_RD[:1]
    moved_RD = torch.cat([base_1D, differences_KD]) @ matrix_DD.T
    return head.norm(torch.cat([moved_RD[:1], moved_RD[:1] + moved_RD[1:]]))


LENS = Lens(
    name="jacobian",
    label="Jacobian",
    summary="The mean Jacobian from the layer to the last one, the final norm, then the LM head.",
    before_head=_before_head,
    fitted="lenses/jacobian.safetensors",
    order=30,
)
