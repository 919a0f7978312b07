"""The endpoints: `trace`, `answer`, `inspect` and `collections`.

Gradio checks no types of what programs send, so each endpoint does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.events import api

from analysis.common.errors import InputError
from analysis.common.limits import Owner
from analysis.models.collection import Collection
from app.api import values
from app.api.turns import Turns
from app.server.event_options import REQUEST_TURN
from app.server.pages import Pages
from app.state.examples import Example, owner_of
from app.widgets.text import without_folders

if TYPE_CHECKING:
    from analysis.engine import Engine
    from analysis.inference.prompt import Prompt
    from analysis.measure.weight_settings import WeightSettings

NAMES = ("trace", "answer", "inspect", "collections")
"""The endpoints' names; every other event of the page is the page's own."""

MOST_ANSWERS = 6
"""The most answers of one request, as on the page."""

# Seconds between two states of a stream.
TICK_SECONDS = 0.05


class Endpoints:
    """What programs may ask.

    Args:
        collection: The collection of the page.
        turns: The turns of programs with the model.
        pages: The pages of the server.
        examples: The example questions, whose results everybody shares.
    """

    def __init__(
        self, collection: Collection, turns: Turns, pages: Pages, examples: Sequence[Example] = ()
    ) -> None:
        self._collection = collection
        self._examples = examples
        self._turns = turns
        self._pages = pages

    def trace(  # noqa: D417 (programs read these texts, and give no `request`)
        self,
        query: str,
        adapters: list[str] | None = None,
        lens: str = "",
        position: str = "",
        metric: str = "",
        normalisation: str = "",
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Reads how far each adapter moves the base in each layer, and the weights from it.

        Args:
            query: The question.
            adapters: Names of the adapters, as `collections` lists them; all by default.
            lens: How hidden states are read, such as norm or raw; the collection's by default.
            position: query, prompt or both; the collection's by default.
            metric: How far two distributions are apart; kl by default.
            normalisation: How divergences become weights, such as sum; the collection's by default.

        Returns:
            The adapters, the settings, and divergence (nats for kl) and weights, layers × adapters.
        """
        with self._turns.asked(request) as program:
            query, adapters = values.text("query", query), values.names("adapters", adapters)
            asked = {"lens": lens, "position": position, "metric": metric}
            named = {
                name: values.name_of(name, value)
                for name, value in {**asked, "normalisation": normalisation}.items()
            }
        with self._turns.turn(program) as (engine, check, visitor):
            settings = _settings(engine, named)
            prompt = self._prompt(engine, query, visitor)

            def progress(what: str, share: float) -> None:
                check()

            trace = engine.trace(prompt, adapters, progress=progress)
            read = (settings.lens, settings.position, settings.metric)
            divergence = engine.divergence(trace, *read, progress).values_LK
            return {
                "query": query,
                "adapters": list(trace.adapters),
                "settings": asdict(settings),
                "divergence": divergence.tolist(),
                "weights": settings.weigh(divergence).tolist(),
            }

    def answer(  # noqa: D417
        self,
        query: str,
        methods: list[str] | None = None,
        adapters: list[str] | None = None,
        new_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        tokens: bool = False,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Answers a question by several ways of fusing the adapters, side by side; a stream.

        Args:
            query: The question.
            methods: Such as qa-flora or adapter:math; base, static and qa-flora by default.
            adapters: Names of the adapters to fuse; all by default.
            new_tokens: The most tokens of each answer.
            temperature: 0 takes the most probable token each time; at most 2.
            top_p: Tokens are drawn from the most probable that have this probability together.
            seed: Of the draws.
            tokens: Whether each answer is given as its tokens, [id, probability], not as text.

        Returns:
            The text so far of each method's answer, or its tokens so far.
        """
        with self._turns.asked(request) as program:
            query, adapters = values.text("query", query), values.names("adapters", adapters)
            chosen = values.names("methods", methods) or ["base", "static", "qa-flora"]
            if len(chosen) > MOST_ANSWERS:
                raise InputError(
                    f"{len(chosen)} methods are asked for: ask for at most {MOST_ANSWERS} at once."
                )
            chosen = list(dict.fromkeys(chosen))
            new_tokens, seed = values.whole("new_tokens", new_tokens), values.whole("seed", seed)
            drawn = values.number("temperature", temperature), values.number("top_p", top_p), seed
            answers: dict[str, Any] = dict.fromkeys(
                chosen, [] if values.flag("tokens", tokens) else ""
            )
        with self._turns.turn(program) as (engine, check, visitor):
            from analysis.inference.decoding.sampling import Sampling
            from analysis.methods import fuse

            sampling = Sampling(*drawn)
            prompt = self._prompt(engine, query, visitor)
            # Before the trace, which takes long.
            engine.limits.check_answer(len(prompt.ids), len(chosen), new_tokens)

            def progress(what: str, share: float) -> None:
                check()

            context = engine.context(prompt, adapters, progress=progress)
            rows = fuse(chosen, context)
            sent = time.monotonic()
            steps = engine.answer(
                prompt, rows, new_tokens=new_tokens, sampling=sampling, progress=progress
            )
            with closing(steps):
                for step in steps:
                    check()
                    for token in step.tokens:
                        own = [[token.id, token.probability]] if tokens else token.delta
                        # Made anew: what was sent may not be written yet.
                        answers[chosen[token.row]] = answers[chosen[token.row]] + own
                    if time.monotonic() - sent >= TICK_SECONDS:
                        sent = time.monotonic()
                        yield dict(answers)
            yield dict(answers)

    def inspect(  # noqa: D417
        self, adapter: str, request: gr.Request | None = None
    ) -> dict[str, Any]:
        """Looks into an adapter of the page: its kind, ranks, norms, neighbours and licence.

        Args:
            adapter: Its name, as `collections` lists it; no path and no hub id.

        Returns:
            What is known of it, by name.
        """
        with self._turns.asked(request) as program:
            adapter = values.name_of("adapter", adapter)
        with self._turns.turn(program) as (engine, *_):
            for entry in self._collection.adapters:
                if entry.name == adapter:
                    found = engine.inspect(entry, self._collection.base.public_name)
                    refused = without_folders(found.refused)
                    remarks = tuple(map(without_folders, found.remarks))
                    return asdict(replace(found, refused=refused, remarks=remarks))
            names = ", ".join(self._collection.names)
            raise InputError(f"There is no adapter {adapter!r}: take one of {names}.")

    def collections(self, request: gr.Request | None = None) -> dict[str, Any]:
        """Lists the adapters of this page and the collections of the server.

        Returns:
            This page's title, base and adapters; each collection's title, and address once opened.
        """
        with self._turns.asked(request):
            here = self._collection
            return {
                "title": here.title,
                "base": here.base.name,
                "adapters": [
                    {"name": one.name, "label": one.label, "kind": one.kind, "note": one.note}
                    for one in here.adapters
                ],
                "collections": [
                    {"title": one.title, "address": one.address}
                    for one in self._pages.choices(here)
                ],
            }

    def _prompt(self, engine: Engine, query: str, visitor: Owner) -> Prompt:
        return engine.prompt(query, owner=owner_of(self._examples, query, visitor))


def connect(endpoints: Endpoints, page: gr.Blocks) -> None:
    """Adds the endpoints to a page, and hides all its other events from programs.

    Called inside the page, after all its events are connected.

    Args:
        endpoints: The endpoints.
        page: The page.
    """
    for event in page.fns.values():
        event.api_visibility = "private"
    for name in NAMES:
        api(getattr(endpoints, name), api_name=name, **REQUEST_TURN)


def _settings(engine: Engine, named: Mapping[str, str]) -> WeightSettings:
    given: dict[str, Any] = {name: value for name, value in named.items() if value}
    settings = replace(engine.settings, **given)
    settings.check()
    return settings
