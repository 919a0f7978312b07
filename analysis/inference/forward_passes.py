"""Forward passes of a prompt through the base and each adapter alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.cache import ByteCache
from analysis.common.progress import Progress
from analysis.inference.layer_states import LayerStates, find_blocks
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.module_inputs import ModuleInputs
from analysis.inference.prefixes import Prefixes, as_rows

# A prefix runs in one pass, whose activations must stay bounded: as many tokens as so many passes.
_PREFIX_PASSES = 4


@dataclass(frozen=True)
class PassStates:
    """The states that a prompt left at some tokens.

    Attributes:
        hidden_RLPD: The residual stream after each block, `[1 + adapters, layers, places, width]`.
        module_inputs: Input of each adapted module in the base's row, `[places, inputs]` by name;
            empty where nobody asked for it.
    """

    hidden_RLPD: Tensor
    module_inputs: Mapping[str, Tensor]


class ForwardPasses:
    """Runs prompts through one model.

    Args:
        model: The base model, in evaluation mode.
        mixture: Its adapters.
        lock: Held while the model runs; free between two passes.
        pass_tokens: Tokens of one pass on a CPU, all rows together.
        kept: Where the keys and values of a prefix are kept, one prefix at a time.

    Raises:
        InputError: The model is of a family whose blocks cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        mixture: Mixture,
        lock: Lock,
        pass_tokens: int,
        kept: ByteCache,
    ) -> None:
        self._model = model
        self._mixture = mixture
        self._lock = lock
        self._pass_tokens = pass_tokens
        self.blocks = find_blocks(model, mixture.layers)
        self._prefixes = Prefixes(model, kept, _PREFIX_PASSES * pass_tokens)

    def run(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None,
        prefix: int,
        scales: Sequence[float] | None,
        *,
        with_inputs: bool,
    ) -> PassStates:
        """The states of the base and each adapter alone; see `ModelRunner.hidden`.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens whose states are kept.
            progress: Told after each layer; an exception that it raises stops the pass.
            prefix: How many tokens at the beginning are the same for every query.
            scales: Weight of each adapter's row; 1 by default.
            with_inputs: Keep the inputs of the adapted modules in the base's row, too.
        """
        own = self._mixture.adapters
        weights_RLK = torch.zeros(1 + len(adapters), self._mixture.layers, len(own))
        for row, name in enumerate(adapters, start=1):
            weights_RLK[row, :, own.index(name)] = 1.0 if scales is None else scales[row - 1]
        count = len(weights_RLK)
        if (
            prefix > min(places)
            or not self._prefixes.worth_keeping(prefix, count)
            or self._rows_of_a_pass(count, len(ids) - prefix) < count
        ):
            prefix = 0
        on_cpu = self._model.device.type == "cpu"
        shortest = len(ids) - self._pass_tokens // count if on_cpu else 0
        states = LayerStates(count, self._mixture.layers, places)
        parts_RLK = weights_RLK.split(self._rows_of_a_pass(count, len(ids) - prefix))
        total = len(parts_RLK) * len(self.blocks)
        inputs = ModuleInputs(self._mixture.modules if with_inputs else {}, places)
        first = 0
        for number, part_RLK in enumerate(parts_RLK):
            layer_done = partial(_tell, progress, number * len(self.blocks), total)
            rows = self._mixture.rows(part_RLK)
            with self._lock, torch.inference_mode(), rows.on():
                done, cache = self._prefixes.after(tuple(ids), prefix, tuple(adapters), shortest)
                # The base is the first row of the first part.
                kept_inputs = inputs.collected(done) if number == 0 else nullcontext()
                with kept_inputs, states.collected(self.blocks, first, done, layer_done):
                    self._model.base_model(
                        input_ids=as_rows(self._model, ids[done:], len(part_RLK)),
                        cache=cache,
                        use_cache=cache is not None,
                    )
            first += len(part_RLK)
        hidden_RLPD = states.hidden_RLPD
        for row, name in enumerate(adapters, start=1):
            # Exactly the base's, without the round-off of another place in the batch.
            first_layer = self._mixture.first_layer_K[own.index(name)]
            if not bool(weights_RLK[row].any()):
                first_layer = self._mixture.layers
            hidden_RLPD[row, :first_layer] = hidden_RLPD[0, :first_layer]
        return PassStates(hidden_RLPD, inputs.by_module)

    def _rows_of_a_pass(self, rows: int, tokens: int) -> int:
        """As many as fit, in passes of about the same size."""
        if self._model.device.type != "cpu":
            return rows
        passes = -(-rows // max(1, self._pass_tokens // tokens))
        return -(-rows // passes)


def _tell(progress: Progress | None, before: int, total: int, count: int) -> None:
    if progress is not None:
        progress("tracing", (before + count) / total)
