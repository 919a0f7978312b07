"""Results of an evaluation as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def tables(result: dict[str, Any]) -> str:
    """The losses, the scores and the weight curves, one table each."""
    names = list(next(iter(result["losses"].values()))["loss"])
    losses = _table(
        ["loss per answer token", *names, "own adapter lowers it by"],
        (
            [name, *(f"{found['loss'][one]:.3f}" for one in names), f"{found['lower_by']:.0%}"]
            for name, found in result["losses"].items()
        ),
    )
    scores = _table(
        ["own score, %", *names],
        (
            [found["what"], *(_percent(found["shares"].get(one)) for one in names)]
            for found in result["scores"].values()
        ),
    )
    weights = [str(point["weight"]) for point in next(iter(result["curves"].values()), [])]
    curves = _table(
        ["own score by weight, %", *weights],
        (
            [name, *(_percent(point["score"]) for point in curve)]
            for name, curve in result["curves"].items()
        ),
    )
    return f"{losses}\n\n{scores}\n\n{curves}"


def _percent(found: dict[str, float] | None) -> str:
    if found is None:
        return ""
    return f"{100 * found['share']:.0f} ({100 * found['low']:.0f}-{100 * found['high']:.0f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
