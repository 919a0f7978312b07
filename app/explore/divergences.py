"""A trace, read as a look wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.trace import MEAN
from app.state.view_settings import Look

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.measure.divergence import Divergence
    from analysis.measure.trace import Trace
    from app.state.run import Run


def read(engine: Engine, trace: Trace, look: Look, progress: Progress) -> Divergence:
    """The divergence as a look reads it; the mean over all tokens runs the model where it must."""
    if look.position == MEAN:
        return engine.every_token(trace.prompt, trace.adapters, *look.reading, progress).mean()
    return engine.divergence(trace, look.lens, look.position, look.metric, progress)


def at_hand(engine: Engine, run: Run, look: Look) -> Divergence | None:
    """The divergence as a look reads it, without the model; None where that needs it."""
    if look.position == MEAN:
        every = run.every.get(look.reading)
        return every.mean() if every else None
    return engine.divergence(run.trace, look.lens, look.position, look.metric)
