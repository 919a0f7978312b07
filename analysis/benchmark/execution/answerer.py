"""The answers of one entry to the items of a batch, scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from analysis.benchmark.entries import Entry, Selection, fused_adapters
from analysis.benchmark.execution.batches import Batch
from analysis.benchmark.item_scores import LanguageJudge, in_both, outcome_of
from analysis.benchmark.results import ItemResult
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from analysis.models.manifest import Collection

# Tokens of prompts and given answers that run in one pass.
_PASS_TOKENS = 2048


class Answerer:
    """Answers items through an engine.

    Args:
        engine: The collection's.
        collection: The collection.
        tasks: All tasks; their prompts are made now.
        chosen: The adapters that are fused.
        weight_settings: How divergences are read and turned into weights.

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
    ) -> None:
        self._engine = engine
        self._collection = collection
        self._chosen = chosen
        self._weight_settings = weight_settings
        self._judge = LanguageJudge([item.lang for task in tasks for item in task.items])
        self._prompts = {
            (task.name, item.id): self._prompt(task, item) for task in tasks for item in task.items
        }

    def prompt_tokens(self, task: str, item: Item) -> int:
        """Number of tokens of an item's prompt."""
        return len(self._prompts[task, item.id].ids)

    def results(self, batch: Batch, entry: Entry) -> list[ItemResult]:
        """One entry's answers to the items of a batch, with their scores."""
        began = time.perf_counter()
        prompts = [self._prompts[batch.task, item.id] for item in batch.items]
        rows = [
            self._row(entry, item, prompt)
            for item, prompt in zip(batch.items, prompts, strict=True)
        ]
        answers = self._engine.answer_all(
            prompts, rows, new_tokens=batch.new_tokens, batch_rows=len(prompts)
        )
        losses = self._losses(batch.items, prompts, rows)
        found = []
        for item, answer, (gold, options) in zip(batch.items, answers, losses, strict=True):
            outcome = outcome_of(item, answer.text, options)
            in_language = self._judge.judge(item, answer.text)
            found.append(
                ItemResult(
                    task=batch.task,
                    method=entry.name,
                    item=item.id,
                    text=answer.text,
                    end=answer.end,
                    extracted=outcome.extracted,
                    right=outcome.right,
                    in_language=in_language,
                    both=in_both(item, bool(outcome.right), in_language),
                    option_losses=options,
                    loss=gold,
                )
            )
        seconds = round((time.perf_counter() - began) / len(found), 4)
        return [replace(one, seconds=seconds) for one in found]

    def _prompt(self, task: Task, item: Item) -> Prompt:
        try:
            return self._engine.prompt(item.instruction)
        except InputError as error:
            raise InputError(f"Task {task.name}, item {item.id}: {error}") from error

    def _row(self, entry: Entry, item: Item, prompt: Prompt) -> Row:
        adapters = fused_adapters(entry, item, self._chosen, self._collection)
        context = self._engine.context(prompt, adapters, self._weight_settings)
        return fuse([entry.method], context)[0]

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

        def length(index: int) -> int:
            place, ids = given[index]
            return len(prompts[place].ids) + len(ids)

        found: dict[int, float] = {}
        for part in _parts(sorted(range(len(given)), key=length), length):
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


def _parts(order: Sequence[int], length: Callable[[int], int]) -> list[list[int]]:
    """Texts of ascending length, as many together as a pass holds."""
    parts: list[list[int]] = []
    for index in order:
        if parts and (len(parts[-1]) + 1) * length(index) <= _PASS_TOKENS:
            parts[-1].append(index)
        else:
            parts.append([index])
    return parts
