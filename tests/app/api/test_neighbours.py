"""Whatever a visitor does in the middle of an answer, no other answer changes by a token."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from gradio_client import Client

from analysis.speed.remote import RemotePage
from app.api import endpoints
from tests.awaiting import await_

NEW_TOKENS = 40
ASKED = {"methods": ["static", "qa-flora"], "new_tokens": NEW_TOKENS, "tokens": True}


Act = Callable[..., object]


class Paced:
    """The steps of an answer, each of which waits for a permit."""

    def __init__(self, steps: Any, permits: threading.Semaphore, taken: list[int]) -> None:
        self._steps, self._permits, self._taken = steps, permits, taken

    def __iter__(self) -> Iterator[Any]:
        for step in self._steps:
            yield step
            self._taken.append(step.index)
            assert self._permits.acquire(timeout=120)

    def close(self) -> None:
        self._steps.close()


class Pace:
    """Lets the answers to some queries go on step by step.

    Args:
        engine: The engine of the server.
        queries: The queries.
        monkeypatch: Takes the pace off again.
    """

    def __init__(
        self, engine: Any, queries: Sequence[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._texts = {query: engine.prompt(query).text for query in queries}
        self._permits = {text: threading.Semaphore(0) for text in self._texts.values()}
        self._taken: dict[str, list[int]] = {text: [] for text in self._texts.values()}
        answer = engine.answer

        def paced(prompt: Any, *rest: Any, **named: Any) -> Any:
            steps = answer(prompt, *rest, **named)
            if prompt.text not in self._permits:
                return steps
            return Paced(steps, self._permits[prompt.text], self._taken[prompt.text])

        monkeypatch.setattr(engine, "answer", paced)
        # Every step reaches its reader.
        monkeypatch.setattr(endpoints, "TICK_SECONDS", 0.0)

    def go_on(self, *queries: str) -> None:
        """Lets answers make three steps more, and waits until they have."""
        texts = [self._texts[query] for query in queries]
        reached = [len(self._taken[text]) + 3 for text in texts]
        for text in texts:
            self._permits[text].release(3)
        await_(
            lambda: all(
                len(self._taken[text]) >= count for text, count in zip(texts, reached, strict=True)
            )
        )

    def free(self, query: str, steps: int = NEW_TOKENS) -> None:
        """Lets answers go on, to their end by default."""
        self._permits[self._texts[query]].release(steps)


def closes(page: RemotePage, query: str, go_on: Act, end: Act) -> None:
    stream = page.answers(ASKED | {"query": query})
    next(stream)
    go_on()
    stream.close()


def asks_anew(page: RemotePage, query: str, go_on: Act, end: Act) -> None:
    client = Client(page.url, verbose=False, analytics_enabled=False)
    job = client.submit(**ASKED, query=query, api_name="/answer")
    await_(job.outputs)
    go_on()
    named = {"methods": ["base"], "new_tokens": 1, "api_name": "/answer"}
    newer = client.submit(query=f"{query} Now?", **named)
    await_(newer.done)
    end()
    await_(job.done)
    assert "newer request" in str(job.exception())
    client.close()


def stops(page: RemotePage, query: str, go_on: Act, end: Act) -> None:
    client = Client(page.url, verbose=False, analytics_enabled=False)
    job = client.submit(**ASKED, query=query, api_name="/answer")
    await_(job.outputs)
    go_on()
    cancelling = threading.Thread(target=job.cancel)
    cancelling.start()
    while cancelling.is_alive():
        # The server says that it has stopped once the step that is under way has ended.
        end(1)
        cancelling.join(0.1)
    await_(job.done)
    client.close()


def sends_garbage(page: RemotePage, query: str, go_on: Act, end: Act) -> None:
    stream = page.answers(ASKED | {"query": query})
    next(stream)
    go_on()
    garbage = [
        json.dumps({"query": query, "seed": [[math.nan]]}),
        json.dumps({"query": {"a": [1]}, "methods": 7}),
        "{" * 1000,
        "\x00",
    ]
    for body in garbage:
        with suppress(ValueError, OSError), page.request("POST", page.path, body) as response:
            event = json.load(response)["event_id"]
            with page.request("GET", f"{page.path}/{event}") as answers:
                assert b"error" in answers.read()
    go_on()
    stream.close()


@pytest.mark.parametrize("misbehaves", [closes, asks_anew, stops, sends_garbage])
def test_a_neighbour_changes_no_token(
    misbehaves: Callable[..., None], bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, running = RemotePage(bare.address), bare.engine.runner.running
    stays, goes = f"Who stays while one {misbehaves.__name__}?", f"Who {misbehaves.__name__}?"
    (*_, alone) = page.answers(ASKED | {"query": stays})
    pace, found = Pace(bare.engine, (stays, goes), monkeypatch), list[dict[str, Any]]()

    def read() -> None:
        found.extend(page.answers(ASKED | {"query": stays}))

    def both_go_on() -> None:
        assert len(running) == 2 * len(ASKED["methods"]), "both are in the middle of answers"
        pace.go_on(stays, goes)

    reader = threading.Thread(target=read)
    reader.start()
    pace.go_on(stays)
    misbehaves(page, goes, both_go_on, partial(pace.free, goes))
    pace.free(goes)
    pace.go_on(stays)
    assert reader.is_alive()
    pace.free(stays)
    reader.join(120)
    # The batch is of another size, so float32 rounds the probabilities otherwise.
    assert {name: [id_ for id_, _ in own] for name, own in found[-1].items()} == {
        name: [id_ for id_, _ in own] for name, own in alone.items()
    }
    assert all(len(own) > 12 for own in found[-1].values())
    await_(lambda: not len(running))
