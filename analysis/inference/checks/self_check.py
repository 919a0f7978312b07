"""The engine against one plain pass of the model: what differs is refused at load.

A family may lay out its parts, its caches or its positions otherwise than the engine takes them.
Then nothing fails, and every number is wrong.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.decoding.row_caches import keep_rows
from analysis.inference.head import Head
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.passes.layer_states import collected
from analysis.inference.passes.prefixes import positions
from analysis.inference.scheduling.rows_cache import RowsCache, can_be_shared
from analysis.inference.scheduling.shared_pass import SharedPass, may_share_passes, shared_attention

_TOKENS = 4
# As many logits are computed and compared: those of a large head would cost as much as a pass.
COMPARED_LOGITS = 8192
# Rounding alone stays a factor of ten below these; what they are for is 0.1 and more.
_TOLERANCE = {torch.float64: 1e-3, torch.float32: 1e-3}
_LOW_PRECISION = 0.05


@dataclass(frozen=True)
class Abilities:
    """The ways to run a model that give what a plain pass gives, beyond those that must.

    Attributes:
        continues: Kept states can be continued with several tokens at once.
        shares: Rows of different lengths can share a pass of one token each.
    """

    continues: bool
    shares: bool


@dataclass(frozen=True)
class SelfCheck:
    """Compares the engine's ways to run a model with one pass without cache, hooks and other rows.

    Attributes:
        model: The base model, in evaluation mode.
        head: Its head.
        blocks: Its blocks.
        mixture: The adapters.
    """

    model: PreTrainedModel
    head: Head
    blocks: Sequence[nn.Module]
    mixture: Mixture

    def run(self) -> Abilities:
        """Runs all comparisons, while nobody else runs the model.

        Raises:
            InputError: The engine would give other numbers than the model.
        """
        rows = int(self.head.weight_VD.shape[0])
        ids_T = torch.linspace(min(3, rows - 1), rows - 1, _TOKENS, device=self.model.device).long()
        with torch.inference_mode():
            with self._any_fault("a pass without cache"), _short_head(self.model):
                kept = {"logits_to_keep": 2} if _keeps_last_logits(self.model) else {}
                plain_1TV = self.model(input_ids=ids_T[None], use_cache=False, **kept).logits
                before_V, last_V = plain_1TV[0, -2:, :COMPARED_LOGITS]
            with self._any_fault("a pass with adapters"):
                cache = self._rows(ids_T[:-1], before_V)
            with self._any_fault("decoding with a cache"):
                keep_rows(cache, torch.tensor([1], device=ids_T.device))
                shares = may_share_passes(self.model, cache)
                shares = shares and self._shared_step(ids_T, cache, last_V)
                if not shares:
                    state_D = self._pass(ids_T[None, -1:], cache, _TOKENS - 1)[0, -1]
                    fault = "its cache gives other states than a whole pass"
                    self._compare(self._logits(state_D), last_V, fault)
            return Abilities(self._continues(ids_T, last_V), shares)

    def _rows(self, ids_T: Tensor, plain_V: Tensor) -> DynamicCache:
        """One pass of two rows, the first with all adapters, then the base; gives its cache."""
        weights_RLK = torch.zeros(2, self.mixture.layers, len(self.mixture.adapters))
        weights_RLK[0] = 1.0
        applied, uncalled = self.mixture.rows(weights_RLK), dict(self.mixture.modules)
        cache = DynamicCache(config=self.model.config)
        seen = collected(self.blocks, [len(ids_T) - 1])
        with _called(uncalled), applied.on(), seen as states:
            self._pass(ids_T.expand(2, -1), cache, 0)
        if uncalled:
            raise InputError(
                f"{type(self.model).__name__} reads the weights of {min(uncalled)} without calling "
                "it, so that an adapter there would have no effect: use adapters that leave "
                f"{min(uncalled).rpartition('.')[2]} out."
            )
        if len(states) != len(self.blocks):
            raise self._refusal("its blocks do not run once each, so a layer has no one state")
        last_1D = states[-1][1].to(self.head.weight_VD.device)
        precise = plain_V.dtype if plain_V.dtype == torch.float64 else torch.float32
        self._compare(
            self._logits(self.head.norm(last_1D.to(precise))[0]),
            plain_V,
            "its last block, final norm and LM head do not give its logits, so a lens would show "
            "something else",
        )
        return cache

    def _shared_step(self, ids_T: Tensor, cache: DynamicCache, plain_V: Tensor) -> bool:
        """Whether the pass that rows of different lengths share gives what it should."""
        shared = SharedPass([RowsCache(cache)], [1])
        next_11 = ids_T[None, -1:]
        try:
            with shared_attention(self.model, shared):
                states_11D = self.model.base_model(
                    input_ids=next_11,
                    position_ids=positions(_TOKENS - 1, next_11),
                    cache=shared,
                    use_cache=True,
                ).last_hidden_state
        except Exception:
            # Families that cannot share passes fail in any way: their requests run one by one.
            return False
        return self._error(self._logits(states_11D[0, -1]), plain_V) <= self._tolerance

    def _continues(self, ids_T: Tensor, plain_V: Tensor) -> bool:
        """Whether several tokens after a cache have the states that they have in a whole pass."""
        cache = DynamicCache(config=self.model.config)
        if can_be_shared(cache):
            return True
        try:
            for done in (0, 2):
                states_1TD = self._pass(ids_T[None, done : done + 2], cache, done)
        except Exception:  # as above
            return False
        return self._error(self._logits(states_1TD[0, -1]), plain_V) <= self._tolerance

    def _pass(self, ids_RT: Tensor, cache: DynamicCache, done: int) -> Tensor:
        """The last states of a pass after `done` tokens, `[rows, tokens, width]`."""
        states_RTD: Tensor = self.model.base_model(
            input_ids=ids_RT, position_ids=positions(done, ids_RT), cache=cache, use_cache=True
        ).last_hidden_state
        return states_RTD

    def _logits(self, state_D: Tensor) -> Tensor:
        """The first logits of a state that went through the final norm."""
        bias_V = self.head.bias_V
        part = dataclasses.replace(
            self.head,
            weight_VD=self.head.weight_VD[:COMPARED_LOGITS],
            bias_V=None if bias_V is None else bias_V[:COMPARED_LOGITS],
        )
        return part.output(state_D[None])[0]

    @property
    def _tolerance(self) -> float:
        # Packed weights are multiplied in low precision: int8, or bfloat16 on some CPUs.
        packed = not all(one.is_floating_point() for one in self.model.parameters())
        return (
            _LOW_PRECISION if packed else _TOLERANCE.get(self.head.weight_VD.dtype, _LOW_PRECISION)
        )

    def _compare(self, found_V: Tensor, plain_V: Tensor, fault: str) -> None:
        if not bool(plain_V.isfinite().all()):
            raise self._refusal("it computes NaN or infinity")
        if not self._error(found_V, plain_V) <= self._tolerance:
            raise self._refusal(fault)

    def _error(self, found_V: Tensor, plain_V: Tensor) -> float:
        """The largest difference, relative to the largest number; NaN where there is any."""
        plain_V = plain_V.to(found_V)
        return float((found_V - plain_V).abs().max() / plain_V.abs().max())

    def _refusal(self, fault: str) -> InputError:
        return InputError(
            f"{type(self.model).__name__} cannot be used: {fault}. Choose a base of another family."
        )

    @contextmanager
    def _any_fault(self, way: str) -> Iterator[None]:
        """Families that are built otherwise fail with errors of any type."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            line = (str(error).strip().splitlines() or [""])[0]
            raise self._refusal(f"{way} ends with {type(error).__name__}: {line}") from error


@contextmanager
def _called(modules: dict[str, nn.Module]) -> Iterator[None]:
    """Takes out of the modules those that run within this context."""

    def hook(name: str, *_: object) -> None:
        modules.pop(name, None)

    handles = [
        module.register_forward_hook(partial(hook, name)) for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _short_head(model: PreTrainedModel) -> Iterator[None]:
    """Lets an ordinary LM head give only the logits that are compared: a whole one costs a pass."""
    head = model.get_output_embeddings()
    if type(head) is not nn.Linear or hasattr(head, "_hf_hook"):  # accelerate brings its weights
        yield
        return
    whole = dict(head.named_parameters(recurse=False))
    try:
        for name, one in whole.items():
            setattr(head, name, nn.Parameter(one[:COMPARED_LOGITS], requires_grad=False))
        yield
    finally:
        for name, one in whole.items():
            setattr(head, name, one)  # the very same, which may be the embeddings', too


def _keeps_last_logits(model: Any) -> bool:
    return "logits_to_keep" in inspect.signature(model.forward).parameters
