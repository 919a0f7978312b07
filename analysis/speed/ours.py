"""The engine at work on one prompt, and the work that no exact way can avoid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.measure.normalisation import normalise
from analysis.models.adapters import Adapter

T = TypeVar("T")


class Ours:
    """The engine over a prompt of random tokens.

    Args:
        model: The base.
        tokenizer: Its tokenizer. It loses its end token, as the base does: an answer that ended
            would leave less work for the other rows.
        adapters: The adapters.
        tokens: Tokens of the prompt.
        beside: Others of this run, with whom it takes turns.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter],
        tokens: int,
        beside: Ours | None = None,
    ) -> None:
        tokenizer.eos_token = None
        if model.generation_config is not None:
            model.generation_config.eos_token_id = None
        self.model, self.tokenizer = model, tokenizer
        self._adapters = adapters
        self.head = Head.of(model)
        self.names = tuple(adapter.name for adapter in adapters)
        # Nothing is kept, so that every round does the whole work.
        self._engine: Engine = Engine(
            model,
            tokenizer,
            adapters,
            limits=Limits(kept_bytes=0),
            beside=beside._engine if beside else None,
        )
        generator = torch.Generator().manual_seed(0)
        vocabulary = self.head.weight_VD.shape[0]
        ids = torch.randint(3, vocabulary, (tokens,), generator=generator).tolist()
        none = (False,) * tokens
        self.prompt = Prompt("", tuple(ids), ("",) * tokens, none, 0, tokens - 1, "plain")
        self.ids_1T = torch.tensor([ids], device=model.device)

    def in_bfloat16(self) -> Ours:
        """The same in bfloat16; the base changes, so this one is of no use any more."""
        tokens = len(self.prompt.ids)
        return Ours(self.model.bfloat16(), self.tokenizer, self._adapters, tokens, beside=self)

    def trace(self) -> Tensor:
        """The divergences, `[layers, adapters]`: one batch, each row paying for its own adapter."""
        values_LK = self._engine.divergence(self._engine.trace(self.prompt)).values_LK
        normalise(values_LK)
        return values_LK

    def floor(self) -> None:
        """The unavoidable work: the base on k+1 rows, the head on their last tokens."""
        self.in_turn(partial(self._base_rows, 1 + len(self.names)))

    def base_alone(self) -> None:
        """The base's own row of the floor."""
        self.in_turn(partial(self._base_rows, 1))

    @torch.inference_mode()
    def _base_rows(self, rows: int) -> None:
        self.model.base_model(input_ids=self.ids_1T.expand(rows, -1), use_cache=False)
        states_ND = torch.ones(rows * self._engine.layers, self.head.weight_VD.shape[1])
        states_ND.to(self.head.weight_VD) @ self.head.weight_VD.T

    def in_turn(self, work: Callable[[], T]) -> T:
        """Runs work in the thread that owns the model, where every way finds the same workers."""
        return self._engine.runner.scheduler.run(work)

    def decode(self, rows: int, tokens: int) -> Iterator[object]:
        """Continues rows, each a mixture of all adapters."""
        generator = torch.Generator().manual_seed(1)
        weights_RLK = torch.rand((rows, self._engine.layers, len(self.names)), generator=generator)
        mixed = [
            Row(str(row), ConstantWeights(self.names, weights_LK))
            for row, weights_LK in enumerate(weights_RLK)
        ]
        return self._engine.answer(self.prompt, mixed, new_tokens=tokens, stop=())

    def decode_base(self, rows: int, tokens: int) -> Iterator[object]:
        """Continues as many rows of the base, in the plainest loop there is.

        Its steps are to be taken in turn.
        """
        return greedy(self.model, self.ids_1T.expand(rows, -1), tokens)


def greedy(model: PreTrainedModel, ids_RT: Tensor, tokens: int) -> Iterator[object]:
    """Hugging Face's own way to continue rows by their most probable tokens."""
    cache = DynamicCache(config=model.config)
    for _ in range(tokens):
        with torch.inference_mode():
            logits_RV = model(
                input_ids=ids_RT, cache=cache, use_cache=True, logits_to_keep=1
            ).logits[:, -1]
            ids_RT = logits_RV.argmax(dim=-1, keepdim=True)
        yield None
