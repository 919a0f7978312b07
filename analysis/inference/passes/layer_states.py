"""The residual stream after each block, taken while the model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.models.bases.layer_names import LAYER_LISTS


class LayerStates:
    """The states of some rows, layer by layer as the passes deliver them, each copied once.

    Args:
        rows: How many rows all passes have together.
        layers: Number of layers.
        places: The tokens whose states are kept, ascending.
    """

    def __init__(self, rows: int, layers: int, places: Sequence[int]) -> None:
        self._shape = (rows, layers, len(places))
        self._places = places
        self.hidden_RLPD = torch.empty(0)

    @contextmanager
    def collected(
        self,
        blocks: Sequence[nn.Module],
        first: int,
        tokens: range,
        layer_done: Callable[[int], None],
    ) -> Iterator[None]:
        """Keeps the outputs of the blocks while one pass runs.

        Args:
            blocks: The model's.
            first: Index of the pass's first row.
            tokens: The tokens that run in this pass.
            layer_done: Told after each layer how many are done.
        """
        here = [number for number, place in enumerate(self._places) if place in tokens]

        def keep(layer: int, states_rPD: Tensor) -> None:
            if not len(self.hidden_RLPD):
                # Not an inference tensor: callers compute with it outside of inference mode.
                with torch.inference_mode(False):
                    self.hidden_RLPD = torch.empty(
                        *self._shape, states_rPD.shape[-1], dtype=states_rPD.dtype
                    )
            if here:
                kept = slice(here[0], here[-1] + 1)  # places ascend
                self.hidden_RLPD[first : first + len(states_rPD), layer, kept] = states_rPD
            layer_done(layer + 1)

        with _delivered(blocks, [self._places[one] - tokens.start for one in here], keep):
            yield


@contextmanager
def collected(blocks: Sequence[nn.Module], places: Sequence[int]) -> Iterator[list[Tensor]]:
    """Collects each block's output at some places, `[rows, places, width]`, while the model runs.

    Args:
        blocks: The model's.
        places: The tokens whose states are kept.
    """
    states: list[Tensor] = []
    with _delivered(
        blocks, places, lambda layer, states_RPD: states.append(states_RPD.to("cpu", copy=True))
    ):
        yield states


@contextmanager
def _delivered(
    blocks: Sequence[nn.Module], places: Sequence[int], keep: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """Hands on each layer's output at some places, `[rows, places, width]`, as the model runs."""
    begin = places[0] if places else 0
    consecutive = list(places) == list(range(begin, begin + len(places)))
    # A slice is a view; any other index would be a copy.
    index = slice(begin, begin + len(places)) if consecutive else list(places)

    def hook(layer: int, _: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        hidden_RTD = output if isinstance(output, Tensor) else output[0]
        keep(layer, hidden_RTD[:, index])

    handles = [
        block.register_forward_hook(partial(hook, layer)) for layer, block in enumerate(blocks)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def find_blocks(model: PreTrainedModel, layers: int) -> list[nn.Module]:
    """The blocks of a model, in their order.

    Raises:
        InputError: The model is of a family whose blocks cannot be found.
    """
    for name, module in model.named_modules():
        named_so = name.rpartition(".")[2] in LAYER_LISTS
        if named_so and isinstance(module, nn.ModuleList) and len(module) == layers:
            return list(module)
    raise InputError(
        f"The {layers} blocks of {type(model).__name__} cannot be found: choose a causal language "
        "model of another family."
    )
