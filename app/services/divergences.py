"""The relevance of a run's adapters under view settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from analysis.common.errors import InputError
from analysis.measure.trace import KEPT, POSITIONS
from app.state.settings.view_settings import ViewSettings

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.prompt import Prompt
    from analysis.measure.divergence import Divergence
    from analysis.measure.every_token import EveryToken
    from analysis.measure.relevance.relevance import Relevance
    from analysis.measure.trace import Trace
    from app.state.run import Run

Read: TypeAlias = "Divergence | Relevance"
"""What a grid is made of: values and the base's largest probabilities."""


def read(engine: Engine, trace: Trace, view_settings: ViewSettings, progress: Progress) -> Read:
    """The relevance under view settings; it may run the model."""
    if view_settings.reads_every_token:
        _check_token(trace.prompt, view_settings)
        every_token = engine.every_token(
            trace.prompt, trace.adapters, *view_settings.lens_and_metric, progress
        )
        return _of(every_token, view_settings)
    return engine.relevance(trace, settings=view_settings.trace_settings, progress=progress)


def cached_relevance(
    engine: Engine, run: Run, view_settings: ViewSettings, trace: Trace | None = None
) -> Read | None:
    """The relevance under view settings; None if that needs the model.

    Args:
        engine: Reads it.
        run: The run.
        view_settings: The view settings.
        trace: The trace of the run, while its request holds it; the kept one by default.

    Raises:
        InputError: The trace is not kept.
    """
    if view_settings.reads_every_token:
        _check_token(run.prompt, view_settings)
        every_token = run.every_token(*view_settings.lens_and_metric)
        return _of(every_token, view_settings) if every_token else None
    return engine.kept_relevance(
        run.trace if trace is None else trace, view_settings.trace_settings
    )


def needs_model(engine: Engine, run: Run, view_settings: ViewSettings) -> bool:
    """Whether the relevance under view settings needs the model; computes nothing."""
    if view_settings.reads_every_token:
        return run.every_token(*view_settings.lens_and_metric) is None
    return not engine.reads_without_model(run.prompt, run.adapters, view_settings.trace_settings)


def plainer(view_settings: ViewSettings) -> ViewSettings:
    """The view settings that can be shown until others are read: the divergence as it is."""
    position = view_settings.position if view_settings.position in POSITIONS else KEPT[0]
    return replace(view_settings, position=position, signal="divergence", relative=False)


def _of(every_token: EveryToken, view_settings: ViewSettings) -> Divergence:
    token = view_settings.token
    return every_token.mean() if token is None else every_token.at(token)


def _check_token(prompt: Prompt, view_settings: ViewSettings) -> None:
    """Refuses a token to read that the prompt does not have.

    Raises:
        InputError: It has fewer tokens.
    """
    count, token = len(prompt.ids), view_settings.token
    if token is not None and token >= count:
        raise InputError(
            f"Token {token} is to be read, and the prompt has {count} tokens: choose another token "
            "to read."
        )
