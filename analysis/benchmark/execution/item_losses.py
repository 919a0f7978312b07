"""The losses of right answers and of options, from the rows that answer."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.benchmark.tasks import Item
from analysis.common.grouping import grouped_by_length
from analysis.common.limits import PASS_TOKENS
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt


def item_losses(
    engine: Engine,
    items: Sequence[Item],
    prompts: Sequence[Prompt],
    rows: Sequence[Row],
    report: Progress,
) -> list[tuple[float | None, tuple[float, ...]]]:
    """For each row the loss of its item's gold answer, and those of the options, per token.

    Args:
        engine: It runs the rows.
        items: The item of each row.
        prompts: The prompt of each row.
        rows: The rows.
        report: Told before each pass of the model.
    """
    given: list[tuple[int, tuple[int, ...]]] = []
    for place, item in enumerate(items):
        if item.gold_answer:
            given.append((place, engine.answer_ids(item.gold_answer)))
        if item.type in ("mcq", "yesno"):
            given += [(place, _option(engine, option)) for option in item.choices]
    losses = iter(_given_losses(engine, given, prompts, rows, report))
    return [
        (
            next(losses) if item.gold_answer else None,
            tuple(next(losses) for _ in item.choices) if item.type in ("mcq", "yesno") else (),
        )
        for item in items
    ]


def _option(engine: Engine, text: str) -> tuple[int, ...]:
    """An option's tokens without the end token: an answer may go on after the option."""
    end = engine.answer_ids("")
    ids = engine.answer_ids(text)
    return ids[: len(ids) - len(end)] if ids[len(ids) - len(end) :] == end else ids


def _given_losses(
    engine: Engine,
    given: Sequence[tuple[int, tuple[int, ...]]],
    prompts: Sequence[Prompt],
    rows: Sequence[Row],
    report: Progress,
) -> list[float]:
    """Mean loss per token of given answers, each to the prompt at its place."""
    lengths = [len(prompts[place].ids) + len(ids) for place, ids in given]
    found: dict[int, float] = {}
    for part in grouped_by_length(lengths, PASS_TOKENS):
        report(f"loss {len(found)} of {len(given)}", len(found) / len(given))
        losses = engine.answer_losses(
            [prompts[given[index][0]] for index in part],
            [given[index][1] for index in part],
            [rows[given[index][0]] for index in part],
        )
        found |= {
            index: float(loss_T.double().mean()) for index, loss_T in zip(part, losses, strict=True)
        }
    return [found[index] for index in range(len(given))]
