"""What a prompt leaves in the layers, for the base and each adapter alone."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.inference.mixing.mixture import Mixture

# Fewer tokens than this cost less to run again than to look after.
_LONG_FRAME = 16
# With more tokens in a pass, what the layers hand on is too large for memory that the C library
# keeps for later, and getting it anew costs a fifth of the time.
_PASS_TOKENS = 2048


@dataclass(frozen=True)
class _Frame:
    """The beginning of a prompt that was run.

    Attributes:
        ids: Its tokens.
        adapters: The adapters of the rows after the first.
        cache: The rows' keys and values; copied before use.
    """

    ids: tuple[int, ...]
    adapters: tuple[str, ...]
    cache: Cache


class ForwardPasses:
    """Runs prompts through one model.

    Args:
        model: The base model, in evaluation mode.
        mixture: Its adapters.
        lock: Held while the model runs; free between two passes.

    Raises:
        InputError: The model is of a family whose blocks cannot be found.
    """

    def __init__(self, model: PreTrainedModel, mixture: Mixture, lock: Lock) -> None:
        self._model = model
        self._mixture = mixture
        self._lock = lock
        self.blocks = blocks_of(model, mixture.layers)
        self._frame: _Frame | None = None

    def hidden(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None,
        frame: int,
        scales: Sequence[float] | None,
    ) -> Tensor:
        """The states of the base and each adapter alone; see `Runner.hidden`."""
        own = self._mixture.adapters
        weights_RLK = torch.zeros(1 + len(adapters), self._mixture.layers, len(own))
        for row, name in enumerate(adapters, start=1):
            weights_RLK[row, :, own.index(name)] = 1.0 if scales is None else scales[row - 1]
        count = len(weights_RLK)
        if (
            frame < _LONG_FRAME
            or frame > min(places)
            or self._rows_of_a_pass(count, len(ids) - frame) < count
        ):
            frame = 0
        parts_RLK = weights_RLK.split(self._rows_of_a_pass(count, len(ids) - frame))
        total = len(parts_RLK) * len(self.blocks)
        states_of_parts = []
        for number, part_RLK in enumerate(parts_RLK):
            layer_done = partial(_tell, progress, number * len(self.blocks), total)
            rows = self._mixture.rows(part_RLK)
            with self._lock, torch.inference_mode(), rows.on():
                done, cache = self._after_frame(tuple(ids), frame, tuple(adapters))
                kept = [place - done for place in places]
                with collected(self.blocks, kept, layer_done) as states:
                    self._model.base_model(
                        input_ids=as_rows(self._model, ids[done:], len(part_RLK)),
                        cache=cache,
                        use_cache=cache is not None,
                    )
            states_of_parts.append(torch.stack(states, dim=1))
        # Outside of inference mode, so that it is an ordinary tensor to whoever computes with it.
        hidden_RLPD = torch.cat(states_of_parts)
        for row, name in enumerate(adapters, start=1):
            # Exactly the base's, without the round-off of another place in the batch.
            first = self._mixture.first_layer_K[own.index(name)]
            if not bool(weights_RLK[row].any()):
                first = self._mixture.layers
            hidden_RLPD[row, :first] = hidden_RLPD[0, :first]
        return hidden_RLPD

    def _rows_of_a_pass(self, rows: int, tokens: int) -> int:
        """As many as fit, in passes of about the same size."""
        if self._model.device.type != "cpu":
            return rows
        passes = -(-rows // max(1, _PASS_TOKENS // tokens))
        return -(-rows // passes)

    def _after_frame(
        self, ids: tuple[int, ...], frame: int, adapters: tuple[str, ...]
    ) -> tuple[int, Cache | None]:
        """How many tokens need not run again, and their keys and values under these rows."""
        if frame == 0:
            return 0, None
        kept = self._frame
        # The token at the seam may be cut otherwise for another query, so that frames differ by
        # one: any kept beginning serves.
        if kept is None or kept.adapters != adapters or kept.ids != ids[: len(kept.ids)]:
            cache = DynamicCache(config=self._model.config)
            self._model.base_model(
                input_ids=as_rows(self._model, ids[:frame], 1 + len(adapters)),
                cache=cache,
                use_cache=True,
            )
            kept = self._frame = _Frame(ids[:frame], adapters, cache)
        elif len(kept.ids) > frame:
            return 0, None
        return len(kept.ids), copy.deepcopy(kept.cache)


def _tell(progress: Progress | None, before: int, total: int, count: int) -> None:
    if progress is not None:
        progress("tracing", (before + count) / total)


def as_rows(model: PreTrainedModel, ids: Sequence[int], rows: int) -> Tensor:
    """The same tokens in every row, `[rows, tokens]`."""
    return torch.tensor([list(ids)], device=model.device).expand(rows, -1)


@contextmanager
def collected(
    blocks: Sequence[nn.Module],
    places: Sequence[int],
    layer_done: Callable[[int], None] = lambda count: None,
) -> Iterator[list[Tensor]]:
    """Collects each block's output at some places, `[rows, places, width]`, while the model runs.

    Args:
        blocks: The model's.
        places: The tokens whose states are kept.
        layer_done: Told after each layer how many are done.
    """
    states: list[Tensor] = []

    def keep(_: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        hidden_RTD = output if isinstance(output, Tensor) else output[0]
        states.append(hidden_RTD[:, list(places)].cpu())
        layer_done(len(states))

    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()


def blocks_of(model: nn.Module, layers: int) -> list[nn.Module]:
    """The blocks of a model with so many layers.

    Raises:
        InputError: They cannot be found.
    """
    for name, module in model.named_modules():
        named_so = re.search(r"(^|\.)(layers|h|blocks)$", name)
        if named_so and isinstance(module, nn.ModuleList) and len(module) == layers:
            return list(module)
    raise InputError(
        f"The {layers} blocks of {type(model).__name__} cannot be found: choose a causal language "
        "model of another family."
    )
