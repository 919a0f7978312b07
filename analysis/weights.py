"""From divergence to fusion weights."""

from __future__ import annotations

import torch
from torch import Tensor

# A layer's divergences that add up to less than this say nothing: float32 round-off of a real
# difference is far above it, and a quotient of two such numbers would be noise.
NOTHING = 1e-30


def normalise(divergence_LK: Tensor) -> Tensor:
    """qa-FLoRA's weights: each adapter's share of its layer's divergence.

    `α_j = div_j / Σ_i div_i` per layer (arXiv 2512.11366); where nothing diverges, 1/k.

    Args:
        divergence_LK: `[layers, adapters]`, never negative or NaN.

    Returns:
        `[layers, adapters]` in float64, at least 0, each layer summing to 1.
    """
    divergence_LK = divergence_LK.double()
    # Dividing by the largest first keeps sums of huge or tiny values finite.
    largest_L1 = divergence_LK.amax(dim=1, keepdim=True)
    relative_LK = divergence_LK / largest_L1.clamp_min(NOTHING)
    share_LK = relative_LK / relative_LK.sum(dim=1, keepdim=True).clamp_min(1e-300)
    uniform = torch.full_like(share_LK, 1.0 / divergence_LK.shape[1])
    return torch.where(largest_L1 > NOTHING, share_LK, uniform)
