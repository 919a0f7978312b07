"""The Jacobians of one prompt: how the last layer's states follow those of every other layer.

The estimator of the Jacobian lens (Gurnee et al. 2026, transformer-circuits.pub/2026/workspace).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

FIRST_SOURCE = 16
"""The first positions of a prompt are left out: their states are unlike all others."""


def prompt_jacobians(
    model: PreTrainedModel,
    blocks: Sequence[nn.Module],
    ids: Sequence[int],
    outputs: Sequence[int],
    *,
    first: int = FIRST_SOURCE,
    batch: int = 16,
) -> Tensor:
    """Rows of `mean_t sum_{t' ≥ t} ∂h_last,t' / ∂h_l,t` of one prompt, at every layer but the last.

    Source positions t and target positions t' are all but the first `first` ones and the last one.
    One backward pass gives a row of all layers: its cotangent is one output dimension at all
    targets at once. `batch` such passes run together over one forward pass.

    Args:
        model: The base model, in evaluation mode, its parameters frozen.
        blocks: Its blocks.
        ids: The prompt, more than `first + 1` tokens.
        outputs: The output dimensions, which are the rows.
        first: How many positions at the beginning are left out.
        batch: How many backward passes run together.

    Returns:
        `[layers - 1, outputs, width]`, in float64 for a model in float64, else in float32.
    """
    states = _states(model, blocks, ids, first)
    last_BTD = states[-1]
    parts = []
    for begin in range(0, len(outputs), batch):
        dimensions = torch.as_tensor(outputs[begin : begin + batch], device=last_BTD.device)
        cotangents_NBTD = torch.zeros(
            len(dimensions), *last_BTD.shape, dtype=last_BTD.dtype, device=last_BTD.device
        )
        cotangents_NBTD[torch.arange(len(dimensions)), :, :, dimensions] = 1
        gradients = torch.autograd.grad(
            [last_BTD], states[:-1], [cotangents_NBTD], is_grads_batched=True, retain_graph=True
        )
        parts.append(torch.stack([_mean(one) for one in gradients]))
    return torch.cat(parts, dim=1)


def _mean(gradient_NBTD: Tensor) -> Tensor:
    """The mean over the positions of the only row, `[outputs, width]` on the CPU."""
    precise = gradient_NBTD if gradient_NBTD.itemsize == 8 else gradient_NBTD.float()
    return precise[:, 0].mean(dim=1).cpu()


def _states(
    model: PreTrainedModel, blocks: Sequence[nn.Module], ids: Sequence[int], first: int
) -> list[Tensor]:
    """The output of each block at the source positions, `[1, positions, width]`, with their graph.

    The first positions run before, without a graph: in a causal model no gradient at a later
    position passes through them. The last position is a source of nothing that is a target.
    """
    ids_BT = torch.tensor([list(ids)], device=model.device)
    cache = DynamicCache(config=model.config.get_text_config())
    states: list[Tensor] = []
    if first:
        with torch.no_grad():
            model.base_model(input_ids=ids_BT[:, :first], cache=cache, use_cache=True)
    with torch.enable_grad(), _kept_with_graph(blocks, states):
        model.base_model(input_ids=ids_BT[:, first:-1], cache=cache, use_cache=True)
    return states


@contextmanager
def _kept_with_graph(blocks: Sequence[nn.Module], states: list[Tensor]) -> Iterator[None]:
    """Keeps each block's output; the first one's is where the graph begins."""

    def keep(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        hidden_BTD = output if isinstance(output, Tensor) else output[0]
        states.append(hidden_BTD if states else hidden_BTD.requires_grad_())

    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
