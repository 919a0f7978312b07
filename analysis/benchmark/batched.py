"""Greedy answers to many prompts at once, each with its own weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.inference.decoding import AnswerText
from analysis.inference.mixture import AppliedRows, Mixture
from analysis.inference.vocabulary import Vocabulary
from analysis.models.adapters import Adapter

ROWS = 25


class Batched:
    """Decodes batches of prompts; for measuring, where nobody watches the answers grow.

    Args:
        model: The base model, in evaluation mode.
        tokenizer: Its tokenizer.
        adapters: The adapters; their order is the order of all weights.
        stop: Texts that end an answer.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter],
        stop: tuple[str, ...] = (),
    ) -> None:
        self._model, self._vocabulary, self._stop = model, Vocabulary(tokenizer), stop
        self._mixture = Mixture(model, adapters)
        self.adapters, self.layers = self._mixture.adapters, self._mixture.layers

    def rows(self, weights_RLK: Tensor) -> AppliedRows:
        """Rows to put on the model for a forward pass of one's own."""
        return self._mixture.rows(weights_RLK)

    def answers(
        self, prompts: Sequence[Sequence[int]], weights_NLK: Tensor, new_tokens: int
    ) -> list[str]:
        """The most probable answer to each prompt, without its stop string.

        Args:
            prompts: Their token ids.
            weights_NLK: Each prompt's weights, `[prompts, layers, adapters]`.
            new_tokens: The longest an answer may get.
        """
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        texts = [""] * len(prompts)
        for start in range(0, len(order), ROWS):
            part = order[start : start + ROWS]
            some = self._decode([prompts[index] for index in part], weights_NLK[part], new_tokens)
            for index, text in zip(part, some, strict=True):
                texts[index] = text.strip()
        return texts

    def _decode(
        self, prompts: list[Sequence[int]], weights_RLK: Tensor, new_tokens: int
    ) -> list[str]:
        """Left-padded prompts; a row that has ended costs no more."""
        width = max(map(len, prompts))
        ids_RT = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask_RT = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        )
        position_RT = (mask_RT.cumsum(dim=1) - 1).clamp(min=0)
        texts = [AnswerText(self._vocabulary, self._stop) for _ in prompts]
        answers = ["" for _ in prompts]
        alive = list(range(len(prompts)))
        applied = self._mixture.rows(weights_RLK)
        cache = DynamicCache(config=self._model.config)
        for step in range(new_tokens):
            with torch.inference_mode(), applied.on():
                logits_RV = self._model(
                    input_ids=ids_RT.to(self._model.device),
                    attention_mask=mask_RT.to(self._model.device),
                    position_ids=position_RT.to(self._model.device),
                    cache=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]
            tokens = logits_RV.argmax(dim=-1).tolist()
            going = []
            for place, (row, token) in enumerate(zip(alive, tokens, strict=True)):
                delta, ended = "", token in self._vocabulary.end_tokens
                if not ended:
                    delta, ended = texts[row].push(token, step == new_tokens - 1)
                answers[row] += delta
                if not ended:
                    going.append(place)
            if not going:
                break
            if len(going) < len(alive):
                cache.batch_select_indices(torch.tensor(going, device=self._model.device))
                applied = self._mixture.rows(weights_RLK[[alive[place] for place in going]])
            alive = [alive[place] for place in going]
            ids_RT = torch.tensor([[tokens[place]] for place in going])
            mask_RT = torch.cat([mask_RT[going], torch.ones_like(ids_RT)], dim=1)
            position_RT = position_RT[going, -1:] + 1
        return answers
