"""The answers of some entries to the items of a batch, scored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from analysis.benchmark.entries import Entry, Selection, fused_adapters
from analysis.benchmark.execution.batches import Batch
from analysis.benchmark.execution.item_losses import item_losses
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.results import ItemResult
from analysis.benchmark.scoring.item_scores import LanguageJudge, in_both, score_of
from analysis.benchmark.settings import DECODED_ROWS
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.common.progress import Progress
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


@dataclass(frozen=True)
class _Fused:
    """An entry's rows for the items of a batch.

    Attributes:
        entry: The entry.
        rows: A row for each item.
        keys: For each row what its answer depends on, beside the item.
        divergences: For each item the mean divergences, by position.
        seconds: The time that the weights took.
    """

    entry: Entry
    rows: list[Row]
    keys: list[object]
    divergences: list[dict[str, Means]]
    seconds: float


def _untold(what: str, share: float) -> None:
    """Ignores progress."""


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
        self._judge = LanguageJudge([item.language for task in tasks for item in task.items])
        self._prompts = {
            (task.name, item.id): self._prompt(task, item) for task in tasks for item in task.items
        }

    def prompt_tokens(self, task: str, item: Item) -> int:
        """Number of tokens of an item's prompt."""
        return len(self._prompts[task, item.id].ids)

    def answer(
        self, batch: Batch, entries: Sequence[Entry], report: Progress = _untold
    ) -> tuple[list[ItemResult], list[ItemFusion]]:
        """The answers of some entries to the items of a batch, with their scores and fusions.

        Rows of the same item with the same weights are answered once.

        Args:
            batch: The batch.
            entries: One of its steps.
            report: Told how far the work is.

        Returns:
            The results and the fusions, item by item.
        """
        prompts = [self._prompts[batch.task, item.id] for item in batch.items]
        fused: list[_Fused] = []
        for number, entry in enumerate(entries):
            report(f"{entry.name}: weights", 0.2 * number / len(entries))
            fused.append(self._fuse(batch.items, prompts, entry))
        began = time.perf_counter()
        # The place of the one row that is answered for an item and its weights.
        places: dict[tuple[int, object], int] = {}
        asked: list[tuple[int, Row]] = []
        for one in fused:
            for item, (row, key) in enumerate(zip(one.rows, one.keys, strict=True)):
                if places.setdefault((item, key), len(asked)) == len(asked):
                    asked.append((item, row))
        own_prompts, own_rows = [prompts[item] for item, _ in asked], [row for _, row in asked]
        answers = self._engine.answer_all(
            own_prompts,
            own_rows,
            new_tokens=batch.new_tokens,
            batch_rows=DECODED_ROWS,
            progress=lambda what, share: report(what, 0.2 + 0.6 * share),
        )
        losses = item_losses(
            self._engine,
            [batch.items[item] for item, _ in asked],
            own_prompts,
            own_rows,
            lambda what, share: report(what, 0.8 + 0.2 * share),
        )
        found = [
            self._result(batch.task, batch.items[item], answer, *of_row)
            for (item, _), answer, of_row in zip(asked, answers, losses, strict=True)
        ]
        common = (time.perf_counter() - began) / max(1, sum(answer.tokens for answer in answers))
        sharing = Counter(places[item, key] for one in fused for item, key in enumerate(one.keys))
        results, fusions = [], []
        for item in range(len(batch.items)):
            for one in fused:
                row, place = one.rows[item], places[item, one.keys[item]]
                seconds = one.seconds / len(batch.items)
                seconds += common * answers[place].tokens / sharing[place]
                results.append(
                    replace(found[place], method=one.entry.name, seconds=round(seconds, 4))
                )
                # Rows with equal answers may have weights over other adapters.
                weights = (
                    PolicyWeights.of(row.policy)
                    if isinstance(row.policy, ConstantWeights)
                    else answers[place].weights
                )
                if len(weights.adapters) > 1 and bool(weights.mean_LK.any()):
                    fusions.append(
                        ItemFusion(
                            task=batch.task,
                            method=one.entry.name,
                            item=batch.items[item].id,
                            adapters=weights.adapters,
                            weights_LK=_rounded(weights.mean_LK),
                            divergences=one.divergences[item],
                        )
                    )
        return results, fusions

    def _fuse(self, items: Sequence[Item], prompts: Sequence[Prompt], entry: Entry) -> _Fused:
        """The rows of an entry."""
        began = time.perf_counter()
        rows: list[Row] = []
        divergences: list[dict[str, Means]] = []
        for item, prompt in zip(items, prompts, strict=True):
            every = fused_adapters(entry, item, self._chosen, self._collection)
            adapters = self._chosen_of(prompt, every)
            context = self._engine.context(prompt, adapters, self._weight_settings)
            rows += fuse([entry.method], context)
            divergences.append(self._divergences(prompt, adapters))
        keys = [self._key(row) for row in rows]
        return _Fused(entry, rows, keys, divergences, time.perf_counter() - began)

    def _key(self, row: Row) -> object:
        """What a row's answer to a prompt depends on."""
        policy = row.policy
        if isinstance(policy, ConstantWeights):
            return policy.over(self._engine.adapters).numpy().tobytes()
        return policy

    def _chosen_of(self, prompt: Prompt, adapters: tuple[str, ...]) -> tuple[str, ...]:
        """The adapters that are fused, chosen once for each prompt."""
        if self._shortlist is None or len(adapters) <= self._shortlist:
            return adapters
        key = prompt, adapters
        if key not in self._shortlists:
            found = self._engine.shortlist(prompt, adapters, self._shortlist, self._weight_settings)
            self._shortlists[key] = found.adapters
        return self._shortlists[key]

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


def _rounded(weights_LK: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, 5) for value in row) for row in weights_LK.tolist())
