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
    found: dict[int, float] = {}
    for part in _passes(given, prompts):
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


def _passes(
    given: Sequence[tuple[int, tuple[int, ...]]], prompts: Sequence[Prompt]
) -> list[list[int]]:
    """Given answers in parts of a pass each; those of a row stay together, and share its prompt."""
    of_row: dict[int, list[int]] = {}
    for index, (place, _) in enumerate(given):
        of_row.setdefault(place, []).append(index)
    if len(of_row) == len(given):
        lengths = [len(prompts[place].ids) + len(ids) for place, ids in given]
        return grouped_by_length(lengths, PASS_TOKENS)
    passes: list[list[int]] = []
    room = 0
    for place in sorted(of_row, key=lambda place: len(prompts[place].ids)):
        tokens = len(prompts[place].ids) + sum(len(given[index][1]) for index in of_row[place])
        if tokens > room:
            passes.append([])
            room = PASS_TOKENS
        passes[-1] += of_row[place]
        room -= tokens
    return passes
