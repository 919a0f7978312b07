"""Previews: estimates of divergences for many adapters, at a small part of a trace's cost.

Each adapter acts on the last tokens alone, and the distributions are compared over the base's most
probable tokens alone, in some layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from analysis.inference.head import Head
from analysis.measure.divergence import Divergence, peak
from analysis.measure.lenses import BoundLens
from analysis.measure.metrics import Metric, measure_pairs

TOP = 512
"""The base's most probable tokens that are compared."""

_PARTS = 4
"""Two layers that are read are a fourth of all layers apart."""


def previewed_layers(count: int, first: int = 0) -> range:
    """The layers that are read, of so many: evenly spread, and without the last layer.

    Divergences of the last layer are so much larger that they would outweigh all others.

    Args:
        count: Number of layers.
        first: The first layer in which all adapters have moved something. Where it is the last of
            all, every layer is read.
    """
    if first > max(0, count - 2):
        return range(count)
    step = max(1, count // _PARTS)
    return range((count - 2) % step, max(1, count - 1), step)


def preview(
    hidden_RLPD: Tensor,
    layers: range,
    head: Head,
    lens: BoundLens,
    metric: Metric,
    positions: Sequence[str],
) -> dict[str, Divergence]:
    """The estimated divergence of every adapter, in some layers.

    Args:
        hidden_RLPD: Hidden states at some tokens in the layers from the first to the last that is
            read, the base's row first, `[1 + adapters, layers, tokens, width]`.
        layers: The layers that are read.
        head: The model's head.
        lens: The lens.
        metric: Compares two distributions.
        positions: The kept position of each token.

    Returns:
        The divergence at each position, by its name.
    """
    if hidden_RLPD.dtype != torch.float64:
        hidden_RLPD = hidden_RLPD.float()
    hidden_RLPD = hidden_RLPD.to(head.weight_VD.device)
    rows = len(hidden_RLPD)
    values_PLK = torch.zeros(len(positions), len(layers), rows - 1, dtype=torch.float64)
    peak_PL = torch.zeros(len(positions), len(layers), dtype=torch.float64)
    with torch.inference_mode():
        cells = list(itertools.product(range(len(positions)), range(len(layers))))
        states = [
            lens.before_head(hidden_RLPD[:, layers[at], place], head, layers[at])
            for place, at in cells
        ]
        # The head costs about as much for all these states as for one.
        base_NV = head.logits(torch.stack([states_RD[0] for states_RD in states]))
        for (place, at), states_RD, base_V in zip(cells, states, base_NV, strict=True):
            # Without a shift, only bias and cap of the base are left to apply.
            whole_V, _ = head.finish(base_V, base_V.new_zeros(0, len(base_V)))
            peak_PL[place, at] = peak(whole_V)
            few = whole_V.topk(min(TOP, len(whole_V))).indices
            part = _part_of(head, few)
            shift_KN = part.logits(states_RD[1:] - states_RD[:1])
            base_N, shift_KN = part.finish(base_V[few], shift_KN)
            values_PLK[place, at] = measure_pairs([metric], base_N, shift_KN)[0].cpu()
    return {
        position: Divergence(values_LK, peak_L, lens.name, position, metric.name)
        for position, values_LK, peak_L in zip(positions, values_PLK, peak_PL, strict=True)
    }


def _part_of(head: Head, tokens_N: Tensor) -> Head:
    """The head of some tokens alone."""
    bias_N = None if head.bias_V is None else head.bias_V[tokens_N]
    return replace(
        head, weight_VD=head.weight_VD[tokens_N], bias_V=bias_N, transposed=False, padded=False
    )
