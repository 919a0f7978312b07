"""The answers of one entry to the items of a batch, scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from analysis.benchmark.entries import Entry, Selection, fused_adapters
from analysis.benchmark.execution.batches import Batch
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.results import ItemResult
from analysis.benchmark.scoring.item_scores import LanguageJudge, in_both, score_of
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.common.grouping import grouped_by_length
from analysis.common.limits import PASS_TOKENS
from analysis.engine import Engine
from analysis.inference.decoding.answers import Answer
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.measure.trace import POSITIONS
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from analysis.models.collection import Collection

Means = tuple[float, ...]


class BatchRunner:
    """Answers the items of batches through an engine, and scores the answers.

    Args:
        engine: The collection's.
        collection: The collection.
        tasks: All tasks; their prompts are made now.
        chosen: The adapters that are fused.
        weight_settings: How divergences are read and turned into weights.
        shortlist: Of more adapters, as many are fused as are expected to lead; None for all.

    Raises:
        InputError: An item's question cannot be read, or languages cannot be told apart.
    """

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        tasks: Sequence[Task],
        chosen: Selection,
        weight_settings: WeightSettings,
        shortlist: int | None = None,
    ) -> None:
        self._shortlist = shortlist
        self._shortlists: dict[tuple[Prompt, tuple[str, ...]], tuple[str, ...]] = {}
        self._engine = engine
        self._collection = collection
        self._chosen = chosen
        self._weight_settings = weight_settings
        self._kept_batch: tuple[str, tuple[Item, ...]] = ("", ())
        self._kept: dict[bytes, tuple[list[Answer], list[ItemResult]]] = {}
        self._judge = LanguageJudge([item.language for task in tasks for item in task.items])
        self._prompts = {
            (task.name, item.id): self._prompt(task, item) for task in tasks for item in task.items
        }

    def prompt_tokens(self, task: str, item: Item) -> int:
        """Number of tokens of an item's prompt."""
        return len(self._prompts[task, item.id].ids)

    def answer(self, batch: Batch, entry: Entry) -> tuple[list[ItemResult], list[ItemFusion]]:
        """One entry's answers to the items of a batch with their scores, and its fusions."""
        began = time.perf_counter()
        prompts = [self._prompts[batch.task, item.id] for item in batch.items]
        fused = [
            fused_adapters(entry, item, self._chosen, self._collection) for item in batch.items
        ]
        rows: list[Row] = []
        divergences: list[dict[str, Means]] = []
        for prompt, every in zip(prompts, fused, strict=True):
            adapters = self._chosen_of(prompt, every)
            context = self._engine.context(prompt, adapters, self._weight_settings)
            rows += fuse([entry.method], context)
            divergences.append(self._divergences(prompt, adapters))
        answers, found = self._answered(batch, prompts, rows)
        fusions = [
            ItemFusion(
                task=batch.task,
                method=entry.name,
                item=item.id,
                adapters=answer.weights.adapters,
                weights_LK=_rounded(answer.weights.mean_LK),
                divergences=means,
            )
            for item, answer, means in zip(batch.items, answers, divergences, strict=True)
            if len(answer.weights.adapters) > 1 and bool(answer.weights.mean_LK.any())
        ]
        seconds = round((time.perf_counter() - began) / len(found), 4)
        return [replace(one, method=entry.name, seconds=seconds) for one in found], fusions

    def _chosen_of(self, prompt: Prompt, adapters: tuple[str, ...]) -> tuple[str, ...]:
        """The adapters that are fused, chosen once for each prompt."""
        if self._shortlist is None or len(adapters) <= self._shortlist:
            return adapters
        key = prompt, adapters
        if key not in self._shortlists:
            found = self._engine.shortlist(prompt, adapters, self._shortlist, self._weight_settings)
            self._shortlists[key] = found.adapters
        return self._shortlists[key]

    def _answered(
        self, batch: Batch, prompts: Sequence[Prompt], rows: Sequence[Row]
    ) -> tuple[list[Answer], list[ItemResult]]:
        """The answers of rows; those of an entry of the same batch with the same weights, if any.

        The results have no name of a method.
        """
        if (batch.task, batch.items) != self._kept_batch:
            self._kept_batch, self._kept = (batch.task, batch.items), {}
        constants = [row.policy for row in rows if isinstance(row.policy, ConstantWeights)]
        weights = self._weights(constants) if len(constants) == len(rows) else None
        if weights is not None and weights in self._kept:
            answers, results = self._kept[weights]
            # The answers are equal; the other entry's weights may be those of other adapters.
            own = [
                replace(answer, weights=PolicyWeights.of(policy))
                for answer, policy in zip(answers, constants, strict=True)
            ]
            return own, results
        answers = self._engine.answer_all(
            prompts, rows, new_tokens=batch.new_tokens, batch_rows=len(prompts)
        )
        losses = self._losses(batch.items, prompts, rows)
        results = [
            self._result(batch.task, item, answer, *of_item)
            for item, answer, of_item in zip(batch.items, answers, losses, strict=True)
        ]
        if weights is not None:
            self._kept[weights] = answers, results
        return answers, results

    def _weights(self, policies: Sequence[ConstantWeights]) -> bytes:
        """The weights of policies over all adapters."""
        return b"".join(policy.over(self._engine.adapters).numpy().tobytes() for policy in policies)

    def _result(
        self,
        task: str,
        item: Item,
        answer: Answer,
        gold: float | None,
        options: tuple[float, ...],
    ) -> ItemResult:
        score = score_of(item, answer.text, options)
        in_language = self._judge.judge(item, answer.text)
        return ItemResult(
            task=task,
            method="",
            item=item.id,
            text=answer.text,
            end=answer.end,
            extracted=score.extracted,
            right=score.right,
            in_language=in_language,
            both=in_both(item, bool(score.right), in_language),
            option_losses=options,
            loss=gold,
        )

    def _divergences(self, prompt: Prompt, adapters: tuple[str, ...]) -> dict[str, Means]:
        """Mean divergences over layers at each position, of a trace that a method had made."""
        trace = self._engine.kept_trace(prompt, adapters)
        if trace is None:
            return {}
        settings = self._weight_settings
        return {
            position: tuple(
                round(value, 6)
                for value in self._engine.divergence(
                    trace, settings.lens, position, settings.metric
                )
                .values_LK.mean(dim=0)
                .tolist()
            )
            for position in POSITIONS
        }

    def _prompt(self, task: Task, item: Item) -> Prompt:
        try:
            return self._engine.prompt(item.instruction)
        except InputError as error:
            raise InputError(f"Task {task.name}, item {item.id}: {error}") from error

    def _losses(
        self, items: Sequence[Item], prompts: Sequence[Prompt], rows: Sequence[Row]
    ) -> list[tuple[float | None, tuple[float, ...]]]:
        """For each item the loss of its gold answer, and those of its options, per token."""
        given: list[tuple[int, tuple[int, ...]]] = []
        for place, item in enumerate(items):
            if item.gold_answer:
                given.append((place, self._engine.answer_ids(item.gold_answer)))
            if item.type in ("mcq", "yesno"):
                given += [(place, self._option(option)) for option in item.choices]
        losses = iter(self._given_losses(given, prompts, rows))
        return [
            (
                next(losses) if item.gold_answer else None,
                tuple(next(losses) for _ in item.choices) if item.type in ("mcq", "yesno") else (),
            )
            for item in items
        ]

    def _option(self, text: str) -> tuple[int, ...]:
        """An option's tokens without the end token: an answer may go on after the option."""
        end = self._engine.answer_ids("")
        ids = self._engine.answer_ids(text)
        return ids[: len(ids) - len(end)] if ids[len(ids) - len(end) :] == end else ids

    def _given_losses(
        self,
        given: Sequence[tuple[int, tuple[int, ...]]],
        prompts: Sequence[Prompt],
        rows: Sequence[Row],
    ) -> list[float]:
        """Mean loss per token of given answers, each to the prompt at its place."""
        lengths = [len(prompts[place].ids) + len(ids) for place, ids in given]
        found: dict[int, float] = {}
        for part in grouped_by_length(lengths, PASS_TOKENS):
            losses = self._engine.answer_losses(
                [prompts[given[index][0]] for index in part],
                [given[index][1] for index in part],
                [rows[given[index][0]] for index in part],
            )
            found |= {
                index: float(loss_T.double().mean())
                for index, loss_T in zip(part, losses, strict=True)
            }
        return [found[index] for index in range(len(given))]


def _rounded(weights_LK: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, 5) for value in row) for row in weights_LK.tolist())
