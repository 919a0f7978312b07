"""Divergences of a run under view settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.trace import MEAN
from app.state.view_settings import ViewSettings

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.measure.divergence import Divergence
    from analysis.measure.trace import Trace
    from app.state.run import Run


def read(
    engine: Engine, trace: Trace, view_settings: ViewSettings, progress: Progress
) -> Divergence:
    """The divergence under view settings; the mean over all tokens may run the model."""
    if view_settings.position == MEAN:
        return engine.every_token(
            trace.prompt, trace.adapters, *view_settings.reading, progress
        ).mean()
    return engine.divergence(
        trace, view_settings.lens, view_settings.position, view_settings.metric, progress
    )


def cached_divergence(
    engine: Engine, run: Run, view_settings: ViewSettings, trace: Trace | None = None
) -> Divergence | None:
    """The divergence under view settings; None if that needs the model.

    Args:
        engine: Reads divergences.
        run: The run.
        view_settings: The view settings.
        trace: The trace of the run, while its request holds it; the kept one by default.

    Raises:
        InputError: The trace is not kept.
    """
    if view_settings.position == MEAN:
        every_token = run.every_token(*view_settings.reading)
        return every_token.mean() if every_token else None
    return engine.divergence(
        run.trace if trace is None else trace,
        view_settings.lens,
        view_settings.position,
        view_settings.metric,
    )
