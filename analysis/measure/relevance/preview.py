"""Previews: estimates of divergences for many adapters, at a small part of a trace's cost.

Each adapter acts on the read token alone, and the distributions are compared over the base's most
probable tokens alone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from analysis.inference.head import Head
from analysis.measure.divergence import Divergence, peak
from analysis.measure.lenses import BoundLens
from analysis.measure.metrics import Metric, measure_pairs

TOP = 512
"""The base's most probable tokens that are compared."""

LAYERS = 9
"""About so many layers are read, evenly spread."""


def preview(
    hidden_RLD: Tensor, head: Head, lens: BoundLens, metric: Metric, position: str
) -> Divergence:
    """The estimated divergence of every adapter, in some layers.

    Args:
        hidden_RLD: Hidden states at one token, the base's row first, `[1 + adapters, layers,
            width]`.
        head: The model's head.
        lens: The lens.
        metric: Compares two distributions.
        position: The kept position of the token.
    """
    if hidden_RLD.dtype != torch.float64:
        hidden_RLD = hidden_RLD.float()
    hidden_RLD = hidden_RLD.to(head.weight_VD.device)
    rows, count, _ = hidden_RLD.shape
    layers = range(0, count, max(1, count // LAYERS))
    values_LK = torch.zeros(len(layers), rows - 1, dtype=torch.float64)
    peak_L = torch.zeros(len(layers), dtype=torch.float64)
    with torch.inference_mode():
        states_LRD = torch.stack(
            [lens.before_head(hidden_RLD[:, layer], head, layer) for layer in layers]
        )
        base_LV = head.logits(states_LRD[:, 0])
        for place, states_RD in enumerate(states_LRD):
            # Without a shift, only bias and cap of the base are left to apply.
            whole_V, _ = head.finish(base_LV[place], base_LV.new_zeros(0, base_LV.shape[1]))
            peak_L[place] = peak(whole_V)
            few = whole_V.topk(min(TOP, len(whole_V))).indices
            part = _part_of(head, few)
            shift_KN = part.logits(states_RD[1:] - states_RD[:1])
            base_N, shift_KN = part.finish(base_LV[place, few], shift_KN)
            values_LK[place] = measure_pairs([metric], base_N, shift_KN)[0].cpu()
    return Divergence(values_LK, peak_L, lens.name, position, metric.name)


def _part_of(head: Head, tokens_N: Tensor) -> Head:
    """The head of some tokens alone."""
    bias_N = None if head.bias_V is None else head.bias_V[tokens_N]
    return replace(head, weight_VD=head.weight_VD[tokens_N], bias_V=bias_N, transposed=False)
