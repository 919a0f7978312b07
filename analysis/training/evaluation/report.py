"""Results of an evaluation as Markdown tables."""

from __future__ import annotations

from analysis.benchmark.statistics import Share
from analysis.common.console import markdown_table
from analysis.training.evaluation.results import Evaluation


def tables(result: Evaluation) -> str:
    """The losses, the scores and the scores by weight, one table each."""
    names = list(result.sets[0].losses)
    losses = markdown_table(
        ["loss per answer token", *names, "own adapter lowers it by"],
        (
            [found.name, *(f"{found.losses[name]:.3f}" for name in names), f"{found.lower_by:.0%}"]
            for found in result.sets
        ),
    )
    scores = markdown_table(
        ["own score, %", *names],
        (
            [score.counted, *(_percent(score.shares.get(name)) for name in names)]
            for score in result.scores
        ),
    )
    weights = [str(point.weight) for point in next(iter(result.curves.values()), ())]
    curves = markdown_table(
        ["own score by weight, %", *weights],
        (
            [name, *(_percent(point.score) for point in curve)]
            for name, curve in result.curves.items()
        ),
    )
    return "\n\n".join((losses, scores, curves) if result.scores else (losses,))


def _percent(share: Share | None) -> str:
    if share is None:
        return ""
    return f"{100 * share.value:.0f} ({100 * share.low:.0f}-{100 * share.high:.0f})"
