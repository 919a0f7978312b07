"""Results of a benchmark as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.benchmark.comparisons.comparison import Comparison, Difference
from analysis.benchmark.fusion.signals import TaskRouting
from analysis.benchmark.results import BenchmarkResult, MethodScore, TaskResult
from analysis.benchmark.statistics import Interval, Share
from analysis.common.console import markdown_table

_FEW_CLUSTERS = 20


def report(result: BenchmarkResult) -> str:
    """The scores of tasks and methods, then each comparison with the reference."""
    parts = [_scores(result)]
    for task in result.tasks:
        parts += [_comparison(task.task, found) for found in task.comparisons]
    for group in result.groups:
        name = f"{group.group} ({len(group.tasks)} tasks, each with the same weight)"
        parts += [_comparison(name, found, pooled=True) for found in group.comparisons]
    if routing := routing_table(result.tasks):
        parts.append(routing)
    return "\n\n".join(parts)


def routing_table(tasks: Sequence[TaskResult | TaskRouting]) -> str:
    """How often signals lead to the right adapters; "" where nothing was routed."""
    rows = [
        [task.task, one.signal, str(one.items), *map(_routed, (one.pair, one.language, one.task))]
        for task in tasks
        for one in task.routing
    ]
    head = ["task", "signal", "n", "two largest are the pair, %", "right language leads, %",
            "right task leads, %"]  # fmt: skip
    return markdown_table(head, rows) if rows else ""


def _routed(share: Share | None) -> str:
    return "–" if share is None else _percent(share)


def _scores(result: BenchmarkResult) -> str:
    rows = [
        [task.task, _method(score), str(score.items), *_cells(score), f"{score.seconds:.0f}"]
        for task in result.tasks
        for score in task.scores
    ]
    head = ["task", "method", "n", "right, %", "in language, %", "both, %", "loss", "s"]
    adapters = _adapters(result)
    note = (
        f"Fused: {adapters}. Brackets hold 95 % intervals: Wilson for shares, bootstrap over "
        "clusters for the gold answer's loss in nats per token. *oracle-pair* knows the item's "
        "pair; *best-single* is the best adapter alone, known afterwards and not found; *copy* "
        "repeats a number or an option of the question and runs no model."
    )
    return f"{markdown_table(head, rows)}\n\n{note}{_unknown(result.tasks)}"


def _adapters(result: BenchmarkResult) -> str:
    selection = result.settings.selection
    if selection.mode == "pair":
        return "each item's language adapter and task adapter"
    names = ", ".join(selection.adapters)
    return f"all adapters ({names})" if selection.mode == "all" else names


def _unknown(tasks: Sequence[TaskResult]) -> str:
    unknown = [task.task for task in tasks if any(score.both is None for score in task.scores)]
    if not unknown:
        return ""
    return (
        f" The language identifier does not know every language of {', '.join(unknown)}: there the "
        "language is unknown, and methods are compared by right answers alone."
    )


def _method(score: MethodScore) -> str:
    return score.method if score.kind == "method" else f"*{score.method}*"


def _cells(score: MethodScore) -> list[str]:
    language = "–" if score.in_language is None else _percent(score.in_language)
    both = "unknown" if score.both is None else _percent(score.both)
    loss = "–" if score.loss is None else _interval(score.loss, 1, 3)
    return [_percent(score.right), language, both, loss]


def _comparison(task: str, found: Comparison, pooled: bool = False) -> str:
    loss = found.measure == "loss"
    unit = "loss, nats per token" if loss else f"{found.measure}, points"
    head = [
        f"{task}: {unit}", f"minus {found.reference}", "better", "worse",
        "p", "p, Holm", "P(rank 1)", "findable",
    ]  # fmt: skip
    by_method = {one.method: one for one in found.differences}
    names = [*found.first, *(name for name in by_method if name not in found.first)]
    rows = [_difference(name, by_method.get(name), found, loss) for name in names]
    return f"{markdown_table(head, rows)}\n\n{_conclusion(found, loss, pooled)}"


def _difference(name: str, one: Difference | None, found: Comparison, loss: bool) -> list[str]:
    first = f"{found.first[name]:.2f}" if name in found.first else "–"
    shown = name if name in found.first else f"*{name}*"
    if one is None:
        return [shown, "", "", "", "", "", first, ""]
    scale, digits = (1, 3) if loss else (100, 1)
    return [
        shown,
        _interval(one.difference, scale, digits, signed=True),
        str(one.better),
        str(one.worse),
        _p(one.p),
        "–" if one.p_holm is None else _p(one.p_holm),
        first,
        "–" if one.detectable is None else f"{scale * one.detectable:.{digits}f}",
    ]


def _conclusion(found: Comparison, loss: bool, pooled: bool) -> str:
    test = "signs flipped by cluster" if pooled else "exact McNemar"
    if loss:
        test = "paired bootstrap over clusters"
    tied = ", ".join(found.tied)
    size = ""
    if not loss and not pooled:
        size = (
            " So few items can call no difference significant."
            if found.smallest is None
            else f" A difference below {100 * found.smallest:.1f} points cannot be significant."
        )
    few = (
        f" Fewer than {_FEW_CLUSTERS} clusters: bootstrap intervals are too narrow."
        if found.clusters < _FEW_CLUSTERS
        else ""
    )
    return (
        f"{found.items} items in {found.clusters} clusters. Tied with the best ({found.best}): "
        f"{tied}. Test: {test}; *findable* is the difference that it would find in four of five "
        f"runs.{size}{few}"
    )


def _percent(share: Share) -> str:
    return f"{100 * share.value:.0f} ({100 * share.low:.0f}–{100 * share.high:.0f})"


def _interval(found: Interval, scale: int, digits: int, signed: bool = False) -> str:
    sign = "+" if signed else ""

    def shown(value: float) -> str:
        return f"{scale * value:{sign}.{digits}f}".replace("-", "−")

    if found.low is None or found.high is None:
        return f"{shown(found.value)} (no interval)"
    return f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
