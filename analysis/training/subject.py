"""What is evaluated: the base, or one of its adapters at a weight, over many prompts at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.benchmark.batched import Batched
from analysis.models.adapters import Adapter, load_adapter
from analysis.models.base_model import load_base
from analysis.models.manifest import Collection
from analysis.training.batches import Batch, Example, bucket, collate
from analysis.training.head import frozen_head

BATCH_TOKENS = 2048


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
    """Runs subjects of one collection over batches of prompts.

    Args:
        collection: Its base and adapters are loaded.
        dtype: One of `analysis.models.base_model.DTYPES`.
    """

    def __init__(self, collection: Collection, dtype: str = "float32") -> None:
        self.model: PreTrainedModel
        self.tokenizer: PreTrainedTokenizerBase
        self.model, self.tokenizer = load_base(collection.base, dtype=dtype)
        adapters = [load_adapter(self.model, entry) for entry in collection.adapters]
        stop = collection.prompt.stop if collection.prompt else ()
        self._batched = Batched(self.model, self.tokenizer, adapters, stop)
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
        return self._batched.answers(prompts, self._weights(subject, len(prompts)), new_tokens)

    def _on(self, subject: Subject, rows: int) -> AbstractContextManager[None]:
        return self._batched.rows(self._weights(subject, rows)).on()

    def _weights(self, subject: Subject, rows: int) -> Tensor:
        weights_RLK = torch.zeros(rows, self._batched.layers, len(self._batched.adapters))
        if subject.adapter is not None:
            weights_RLK[:, :, self._batched.adapters.index(subject.adapter)] = subject.weight
        return weights_RLK


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
