"""Reads the layers through a lens: the base's logits, and each adapter's shift of them.

The shift is computed from the difference of the states before the LM head: the difference of two
logits would have lost its digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from analysis.inference.head import Head
from analysis.measure.lenses import BoundLens

Layers = Iterator[tuple[int, Tensor, Tensor]]
"""As `read_layers` gives them."""
LOGITS_BYTES = 280_000_000
"""The logits of a group of layers take at most so many bytes, unless the group is one layer."""


def read_layers(
    hidden_RLD: Tensor,
    head: Head,
    lens: BoundLens,
    layers: Sequence[int] | None = None,
    *,
    logits_bytes: int = LOGITS_BYTES,
) -> Layers:
    """Reads layers through a lens, in groups: few products with the large LM head, flat memory.

    Args:
        hidden_RLD: Hidden states, the base's row first, `[1 + adapters, layers, width]`.
        head: The model's head.
        lens: The lens.
        layers: The number of each layer of `hidden_RLD`; 0, 1, 2, … by default.
        logits_bytes: How much the logits of a group may take.

    Yields:
        The layer's number, the base's logits `[vocabulary]`, and each adapter's shift of them
        `[adapters, vocabulary]`.
    """
    if hidden_RLD.dtype != torch.float64:
        hidden_RLD = hidden_RLD.float()
    hidden_RLD = hidden_RLD.to(head.weight_VD.device)
    numbers = range(hidden_RLD.shape[1]) if layers is None else layers
    rows, count, _ = hidden_RLD.shape
    vocabulary, width = head.weight_VD.shape
    groups = -(-count // max(1, logits_bytes // (rows * vocabulary * 4)))
    step = -(-count // groups)  # groups of about the same size: a small group is slow
    for first in range(0, count, step):
        # A generator that yields inside of inference mode would switch it on for its caller.
        with torch.inference_mode():
            states_GRD = torch.stack(
                [
                    _before_head(hidden_RLD[:, place], head, lens, numbers[place])
                    for place in range(first, min(first + step, count))
                ]
            )
            logits_GRV = head.logits(states_GRD.view(-1, width)).view(-1, rows, vocabulary)
        for offset, logits_RV in enumerate(logits_GRV):
            with torch.inference_mode():
                base_V, shift_KV = head.finish(logits_RV[0], logits_RV[1:])
            yield numbers[first + offset], base_V, shift_KV


def _before_head(hidden_RD: Tensor, head: Head, lens: BoundLens, layer: int) -> Tensor:
    """The base's state before the LM head, then what each adapter adds to it, `[rows, width]`."""
    states_RD = lens.before_head(hidden_RD, head, layer)
    return torch.cat([states_RD[:1], states_RD[1:] - states_RD[:1]])
