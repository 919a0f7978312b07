"""Parts of a benchmark's result that several views need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.results.names import is_alone
from app.state.answer import REFERENCE

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison
    from analysis.benchmark.results import BenchmarkResult, MethodScore


def compared(comparisons: Sequence[Comparison], *, loss: bool) -> Comparison | None:
    """The comparison with the reference method, by loss or by right answers."""
    return next((one for one in comparisons if (one.measure == "loss") == loss), None)


def method_order(run: BenchmarkResult) -> tuple[str, ...]:
    """All methods of a result: methods that fuse, adapters alone, then oracles and copies."""
    found: dict[str, MethodScore] = {
        score.method: score for task in run.tasks for score in task.scores
    }

    def place(name: str) -> int:
        if found[name].kind != "method":
            return 2
        return 1 if is_alone(name) else 0

    return tuple(sorted(found, key=place))


def headline(run: BenchmarkResult) -> str:
    """The method that the page is about, or the last of the methods where it is missing."""
    kinds = {score.method: score.kind for task in run.tasks for score in task.scores}
    names = [name for name in method_order(run) if kinds[name] == "method"] or [*kinds]
    fusing = [name for name in names if not is_alone(name)]
    return REFERENCE if REFERENCE in names else (fusing or names)[-1]
