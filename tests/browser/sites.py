"""Served pages of tiny random models: what they did, and how a test holds them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from analysis.engine import Engine
from analysis.models.collection import Collection
from app import page
from app.server.loader import Loader
from app.server.pages import Pages
from app.server.request_queue import RequestQueue
from tests.answering import PacedAnswering
from tests.forgetting import forget
from tests.passes import Passes, unwatch

_renewals: list[Callable[[], None]] = []


def renew() -> None:
    """Makes each served page as if nobody had asked it anything yet."""
    for one in _renewals:
        one()


class Pace:
    """Lets a test hold the model: it runs freely unless held, then only as many steps as allowed.

    A step is a layer of a forward pass, or a token of an answer.
    """

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)
        self._held = False

    def hold(self) -> None:
        self._steps, self._held = threading.Semaphore(0), True

    def allow(self, steps: int) -> None:
        self._steps.release(steps)

    def free(self) -> None:
        self._held = False
        self._steps.release(10_000)

    def wait(self) -> None:
        assert not self._held or self._steps.acquire(timeout=300), "a test holds the model too long"


@dataclass
class Site:
    """A served page.

    Attributes:
        address: Where it is.
        collection: The collection that it serves.
        engine: The engine that answers it.
        request_queue: The queue of its requests.
        watched: The forward passes that the engine runs; decoding left out.
        calls: The engine's calls, in order: `trace` or `answer`.
        pace: Holds decoding.
        layers: Holds forward passes.
        closed: Set once a decoding has ended, however it did.
    """

    address: str
    collection: Collection
    engine: Engine
    request_queue: RequestQueue
    calls: list[str] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    layers: Pace = field(default_factory=Pace)
    closed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.watched = Passes(self.engine, self.layers.wait)

    @property
    def passes(self) -> list[int]:
        """Of each forward pass, how many layers it has run."""
        return self.watched.layers

    def renew(self) -> None:
        """Makes the page as if nobody had asked it anything yet: free, and nothing counted or kept.

        Requests of visitors who have left end first.
        """
        self.pace.free()
        self.layers.free()
        _renew(self.request_queue, self.engine)
        self.calls.clear()
        self.passes.clear()
        self.closed.clear()


def _renew(request_queue: RequestQueue, *engines: Engine) -> None:
    with request_queue.entry() as entry:
        request_queue.rest(entry, 60)
        assert not request_queue.others(entry), "a request of another test still runs"
    for engine in engines:
        assert engine.background.wait_until_done(60), "the engine still reads ahead"
        forget(engine)


def serve(collection: Collection, engine: Engine | None = None) -> Iterator[Site]:
    """Serves a collection's page until the iterator goes on.

    Args:
        collection: The collection.
        engine: Its engine, which stays as it is; loaded by default.
    """
    given, pages = engine, Pages(lambda *_: pytest.fail("another engine is loaded"))
    loader = Loader(lambda progress: given or Engine.load(collection, progress))
    content = page.content_of(collection)
    demo = page.build(content, loader, pages)
    _, address, _ = demo.launch(
        prevent_thread_lock=True, quiet=True, **page.launch_options(content)
    )
    loader.start()
    engine = loader.wait(300)
    assert engine is not None, loader.now
    site = Site(address, collection, engine, pages.request_queue)
    _watch(site)
    _renewals.append(site.renew)
    yield site
    _renewals.remove(site.renew)
    site.pace.free()
    site.layers.free()
    demo.close()
    unwatch(engine)
    for name in ("trace", "answer"):
        vars(engine).pop(name, None)
    # What still computes in a thread when Python ends takes the whole process down.
    assert engine.background.wait_until_done(300)


def serve_pages(pages: Pages, *collections: Collection) -> Iterator[str]:
    """Serves the pages of some collections, and of those that visitors make, until it goes on.

    Args:
        pages: The pages, still without any.
        collections: The collections; the first one's page is at the root.

    Yields:
        The address of the root.
    """
    first = pages.first(collections[0])
    demo, options = page.build_page(pages, first)
    server, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    pages.attach(server)
    first.loader.start()
    for collection in collections[1:]:
        pages.open(collection)

    def engines() -> list[Engine]:
        loaded = [one.loader.wait(300) for one in pages.pages]
        assert None not in loaded, [one.loader.now for one in pages.pages]
        return [engine for engine in loaded if engine is not None]

    def renew_all() -> None:
        _renew(pages.request_queue, *engines())

    _renewals.append(renew_all)
    yield address
    _renewals.remove(renew_all)
    demo.close()
    assert all(engine.background.wait_until_done(300) for engine in engines())


def _watch(site: Site) -> None:
    """Counts the engine's work and lets a test hold it."""
    trace, answer = site.engine.trace, site.engine.answer

    def counted_trace(*args: Any, **named: Any) -> Any:
        site.calls.append("trace")
        return trace(*args, **named)

    def counted_answer(*args: Any, **named: Any) -> PacedAnswering:
        steps = answer(*args, **named)
        site.calls.append("answer")

        def paced() -> Generator[Any, None, None]:
            try:
                site.pace.wait()
                for step in steps:
                    yield step
                    site.pace.wait()
            finally:
                steps.close()
                site.closed.set()

        return PacedAnswering(steps, paced())

    site.engine.trace = counted_trace  # type: ignore[method-assign]
    site.engine.answer = counted_answer  # type: ignore[method-assign]
