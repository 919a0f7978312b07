"""View settings in words: how a run is read, and how the paper reads it instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from analysis.measure.lenses import Lens, lenses
from analysis.measure.metrics import Metric, metrics
from analysis.measure.normalisation import NORMALISATIONS, Normalisation
from analysis.measure.signals import DIVERGENCE
from analysis.measure.trace import BOTH, MEAN
from app.state.settings.view_settings import ViewSettings
from app.widgets.words.said import joined, say

Named = TypeVar("Named", Lens, Metric, Normalisation)

_READ_AT = {
    "query": say("last token of the query"),
    "prompt": say("last token of the prompt"),
    BOTH: say("mean of the last tokens of the query and of the prompt"),
    MEAN: say("mean over all tokens of the query (equal weights, without the prompt form)"),
}


def in_words(settings: ViewSettings) -> str:
    """How a run is read."""
    return joined(", ", _parts(settings))


def described(settings: ViewSettings) -> str:
    """How a run is read, and how the paper reads it instead."""
    changes = _paper_differences(settings)
    if not changes:
        return say(
            "Settings: {settings}. These are the paper's settings.", settings=in_words(settings)
        )
    first, *others = changes
    for other in others:
        first = say("{first} and the {other}", first=first, other=other)
    return say(
        "Settings: {settings}. The paper uses the {changes}.",
        settings=in_words(settings),
        changes=first,
    )


def differences(settings: ViewSettings, other: ViewSettings) -> str:
    """The reading settings that differ from other settings, in words; empty if none does."""
    pairs = zip(_parts(settings), _parts(other), strict=True)
    return joined(", ", [own for own, others in pairs if own != others])


def _parts(settings: ViewSettings) -> list[str]:
    rule = NORMALISATIONS[settings.normalisation]
    label = say(rule.label.lower())
    return [
        say("{lens} lens", lens=say(settings.lens)),
        _signal_part(settings),
        _read_at(settings),
        say("{rule} at T = {temperature}", rule=label, temperature=f"{settings.temperature:g}")
        if rule.uses_temperature
        else label,
    ]


def _read_at(settings: ViewSettings) -> str:
    if not settings.uses("position"):
        return say("mean over the tokens of the query")
    if settings.token is not None and settings.reads_every_token:
        return say("token {index} of the prompt", index=settings.token)
    position = settings.position if settings.reads_every_token else settings.trace_settings.position
    return _READ_AT[position]


def _signal_part(settings: ViewSettings) -> str:
    plain = settings.signal == DIVERGENCE
    label = say(metrics()[settings.metric].label) if plain else settings.signal_name
    return say("{signal} over each adapter's usual", signal=label) if settings.relative else label


def _paper_differences(settings: ViewSettings) -> list[str]:
    differences = []
    if settings.lens != _of_paper(lenses()).name:
        differences.append(say("{lens} lens", lens=say(_of_paper(lenses()).name)))
    if not metrics()[settings.metric].paper or not settings.plain:
        label = say(_of_paper(metrics()).label)
        differences.append(say("{signal} as it is", signal=label) if settings.relative else label)
    if settings.position != "query":
        differences.append(say("last token of the query"))
    if not NORMALISATIONS[settings.normalisation].paper:
        differences.append(say(_of_paper(NORMALISATIONS).label.lower()))
    return differences


def _of_paper(listed: Mapping[str, Named]) -> Named:
    return next(choice for choice in listed.values() if choice.paper)
