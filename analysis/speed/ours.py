"""The engine at work on one prompt, and the work that no exact way can avoid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


class Ours:
    """The engine over a prompt of random tokens.

    Args:
        model: The base.
        tokenizer: Its tokenizer. It loses its end token, as the base does: an answer that ended
            would leave less work for the other rows.
        adapters: The adapters.
        tokens: Tokens of the prompt.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter],
        tokens: int,
    ) -> None:
        tokenizer.eos_token = None
        if model.generation_config is not None:
            model.generation_config.eos_token_id = None
        self.model = model
        self.head = Head.of(model)
        self.names = tuple(adapter.name for adapter in adapters)
        # Nothing is kept, so that every round does the whole work.
        self._engine = Engine(model, tokenizer, adapters, limits=Limits(kept_bytes=0))
        generator = torch.Generator().manual_seed(0)
        vocabulary = self.head.weight_VD.shape[0]
        ids = torch.randint(3, vocabulary, (tokens,), generator=generator).tolist()
        none = (False,) * tokens
        self.prompt = Prompt("", tuple(ids), ("",) * tokens, none, 0, tokens - 1, "plain")
        self.ids_1T = torch.tensor([ids], device=model.device)

    def trace(self) -> Tensor:
        """The divergences, `[layers, adapters]`: one batch, each row paying for its own adapter."""
        values_LK = self._engine.divergence(self._engine.trace(self.prompt)).values_LK
        normalise(values_LK)
        return values_LK

    @torch.inference_mode()
    def floor(self) -> None:
        """The unavoidable work: the base on k+1 rows, the head on their last tokens."""
        rows = 1 + len(self.names)
        self.model.base_model(input_ids=self.ids_1T.expand(rows, -1), use_cache=False)
        states_ND = torch.ones(rows * self._engine.layers, self.head.weight_VD.shape[1])
        states_ND.to(self.head.weight_VD) @ self.head.weight_VD.T

    @torch.inference_mode()
    def base_alone(self) -> None:
        """The base's own row of the floor."""
        self.model.base_model(input_ids=self.ids_1T, use_cache=False)
        states_ND = torch.ones(self._engine.layers, self.head.weight_VD.shape[1])
        states_ND.to(self.head.weight_VD) @ self.head.weight_VD.T

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
        """Continues as many rows of the base, in the plainest loop there is."""
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
