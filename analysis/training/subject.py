"""What is evaluated: the base, or one of its adapters at a weight, over many prompts at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.adapters import Adapter, load_adapter
from analysis.base import load_base
from analysis.collection import Collection
from analysis.decoding import AnswerText
from analysis.mixture import Applied, Mixture
from analysis.training.batches import Batch, Example, bucket, collate
from analysis.training.head import frozen_head

BATCH_TOKENS = 2048
BATCH_ROWS = 25


@dataclass(frozen=True)
class Subject:
    """The base (`adapter` is None), or one adapter at a weight."""

    adapter: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        """What results call it."""
        return self.adapter or "base"


class Runner:
    """Runs subjects of one collection over batches of prompts."""

    def __init__(self, collection: Collection) -> None:
        self.model: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerBase
        self.model, self.tokenizer = load_base(collection.base)
        self._stop = collection.prompt.stop if collection.prompt else ()
        adapters = [load_adapter(self.model, entry) for entry in collection.adapters]
        self._mixture = Mixture(self.model, adapters)
        # Rows are costly to prepare and the same for every token.
        self._ready: tuple[tuple[Subject, int], Applied] | None = None
        self.norms = {adapter.name: _norm(adapter) for adapter in adapters}

    def losses(self, subject: Subject, examples: Sequence[Example]) -> list[tuple[float, int]]:
        """Each example's cross-entropy summed over its answer, and its answer tokens, in order."""
        place = {id(example): index for index, example in enumerate(examples)}
        found: list[tuple[float, int]] = [(0.0, 0)] * len(examples)
        for group in bucket(list(examples), BATCH_TOKENS, seed=0):
            batch = collate(group)
            with torch.inference_mode(), self._on(subject, len(group)):
                sums = _answer_losses(self.model, batch, [len(example.answer) for example in group])
            for example, value in zip(group, sums, strict=True):
                found[place[id(example)]] = (value, len(example.answer))
        return found

    def answers(
        self, subject: Subject, prompts: Sequence[Sequence[int]], new_tokens: int
    ) -> list[str]:
        """The most probable answer to each prompt, as text without its stop string."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        texts = [""] * len(prompts)
        for start in range(0, len(order), BATCH_ROWS):
            part = order[start : start + BATCH_ROWS]
            answers = self._decode(subject, [prompts[index] for index in part], new_tokens)
            for index, text in zip(part, answers, strict=True):
                texts[index] = text.strip()
        return texts

    def _on(self, subject: Subject, rows: int) -> AbstractContextManager[None]:
        if subject.adapter is None:
            return nullcontext()
        if self._ready is None or self._ready[0] != (subject, rows):
            self._ready = (subject, rows), self._mixture.rows(self._weights(subject, rows))
        return self._ready[1].on()

    def _weights(self, subject: Subject, rows: int) -> Tensor:
        assert subject.adapter is not None
        weights_RLK = torch.zeros(rows, self._mixture.layers, len(self._mixture.adapters))
        weights_RLK[:, :, self._mixture.adapters.index(subject.adapter)] = subject.weight
        return weights_RLK

    def _decode(self, subject: Subject, prompts: list[Sequence[int]], new_tokens: int) -> list[str]:
        """Greedy decoding of left-padded prompts; a row that has ended costs no more."""
        width = max(map(len, prompts))
        ids_RT = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask_RT = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        )
        position_RT = (mask_RT.cumsum(dim=1) - 1).clamp(min=0)
        texts = [AnswerText(self.tokenizer, self._stop) for _ in prompts]
        answers = ["" for _ in prompts]
        alive = list(range(len(prompts)))
        cache = DynamicCache(config=self.model.config)
        for step in range(new_tokens):
            with torch.inference_mode(), self._on(subject, len(alive)):
                logits_RV = self.model(
                    input_ids=ids_RT.to(self.model.device),
                    attention_mask=mask_RT.to(self.model.device),
                    position_ids=position_RT.to(self.model.device),
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]
            tokens = logits_RV.argmax(dim=-1).tolist()
            going = []
            for place, (row, token) in enumerate(zip(alive, tokens, strict=True)):
                delta, ended = "", token == self.tokenizer.eos_token_id
                if not ended:
                    delta, ended = texts[row].push(token, step == new_tokens - 1)
                answers[row] += delta
                if not ended:
                    going.append(place)
            if not going:
                break
            if len(going) < len(alive):
                cache.batch_select_indices(torch.tensor(going, device=self.model.device))
            alive = [alive[place] for place in going]
            ids_RT = torch.tensor([[tokens[place]] for place in going])
            mask_RT = torch.cat([mask_RT[going], torch.ones_like(ids_RT)], dim=1)
            position_RT = position_RT[going, -1:] + 1
        return answers


def _norm(adapter: Adapter) -> float:
    """‖ΔW‖: the Frobenius norm over all modules together, without forming a product B A."""
    total = 0.0
    for factor in adapter.factors.values():
        a_rI, b_Or = factor.a_rI.double(), factor.b_Or.double()
        total += float(((b_Or.T @ b_Or) * (a_rI @ a_rI.T)).sum())
    return float(total**0.5)


def _answer_losses(model: PreTrainedModel, batch: Batch, lengths: list[int]) -> list[float]:
    states_RTD = model.base_model(
        input_ids=batch.ids_RT.to(model.device),
        attention_mask=batch.mask_RT.to(model.device),
        use_cache=False,
    ).last_hidden_state
    hidden_ND = states_RTD.flatten(0, 1)[batch.position_N.to(model.device)]
    head_VD = frozen_head(model)
    chunk = max(1, (1 << 26) // head_VD.shape[0])
    parts: list[Tensor] = []
    for start in range(0, len(hidden_ND), chunk):
        logits_NV = (hidden_ND[start : start + chunk] @ head_VD.T).float()
        target_N = batch.target_N[start : start + chunk].to(model.device)
        parts.append(torch.nn.functional.cross_entropy(logits_NV, target_N, reduction="none"))
    return [float(part.sum()) for part in torch.cat(parts).split(lengths)]
