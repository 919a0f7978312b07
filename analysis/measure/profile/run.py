"""Reads the weights of many queries, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.common.errors import InputError
from analysis.common.limits import Owner
from analysis.common.progress import Progress
from analysis.inference.prompt import Prompt
from analysis.measure.profile.profile import QueryWeights
from analysis.measure.profile.queries import ListedQuery, lines_named
from analysis.measure.relevance.relevance_tracer import RelevanceTracer
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Kind

KINDS: Mapping[Kind, str] = {
    "language": "the sum of all languages",
    "task": "the sum of all tasks",
}
"""The kinds of adapters whose weights are added, and their name in a sentence."""


def prompts_of(
    engine: RelevanceTracer, queries: Sequence[ListedQuery], owner: Owner | None = None
) -> list[Prompt]:
    """The prompts of queries; the model does not run.

    Args:
        engine: Reads the queries.
        queries: The queries.
        owner: Whose queries they are, where they are nobody else's; see `Tracer.prompt`.

    Raises:
        InputError: There are too many, or some cannot be read; the message names their lines.
    """
    engine.limits.check_queries(len(queries))
    prompts: list[Prompt] = []
    refused: dict[str, list[int]] = {}
    for query in queries:
        try:
            prompts.append(engine.prompt(query.text, owner=owner))
        except InputError as error:
            refused.setdefault(str(error), []).append(query.line)
    if refused:
        # Lines with the same mistake are named together.
        raise InputError(" ".join(f"{lines_named(at)}: {why}" for why, at in refused.items()))
    return prompts


def read_weights(
    engine: RelevanceTracer,
    queries: Sequence[ListedQuery],
    adapters: tuple[str, ...],
    settings: WeightSettings,
    progress: Progress | None = None,
) -> Iterator[QueryWeights]:
    """The weights of queries.

    Args:
        engine: Reads the relevance.
        queries: The queries.
        adapters: Names of the adapters.
        settings: How relevance is read and turned into weights.
        progress: Told before each query and during the reading of usual sizes; an exception that
            it raises ends the work.

    Raises:
        InputError: There are too many, or some cannot be read; the message names their lines.
    """
    prompts = prompts_of(engine, queries)
    if settings.relative:
        engine.usual(adapters, settings, progress)
    for number, (query, prompt) in enumerate(zip(queries, prompts, strict=True)):
        if progress is not None:
            progress(f"query {number + 1} of {len(queries)}", number / len(queries))
        yield weights_of(engine, query.text, prompt, adapters, settings)


def weights_of(
    engine: RelevanceTracer,
    query: str,
    prompt: Prompt,
    adapters: tuple[str, ...],
    settings: WeightSettings,
    progress: Progress | None = None,
) -> QueryWeights:
    """The weights of one query; see `read_weights`.

    Args:
        engine: Reads the relevance.
        query: The query.
        prompt: Its prompt.
        adapters: Names of the adapters.
        settings: How relevance is read and turned into weights.
        progress: Told after each layer.
    """
    relevance = engine.relevance(prompt, adapters, settings, progress)
    return QueryWeights.of(query, relevance, settings)


def kinds_of(kinds: Mapping[str, Kind]) -> dict[str, tuple[str, ...]]:
    """The adapters of each kind, by the name of the kind in a sentence.

    Args:
        kinds: The kind of each adapter by name.
    """
    return {
        named: tuple(name for name, own in kinds.items() if own == kind)
        for kind, named in KINDS.items()
        if kind in kinds.values()
    }
