"""The pages of a server share a queue, an admission and memory, and rest without visitors."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.scheduling import admission
from analysis.methods import fuse
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection, with_adapters
from analysis.speed.remote import RemotePage, Visit
from app.page import build, content_of, launch_options
from app.server.clients import connections
from app.server.loader import Loader
from app.server.pages import Page, Pages
from app.server.request_queue import SERVED, WAITING
from tests import tiny
from tests.awaiting import await_


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> list[Collection]:
    """Two of one base, with other adapters, and one of another base."""
    folder = tmp_path_factory.mktemp("shared")
    first = load_collection(tiny.tiny_collection(folder / "one", ("math", "code")))
    other = load_collection(tiny.tiny_collection(folder / "two", ("code",), family="llama"))
    fewer = replace(with_adapters(first, ["math"]), name="fewer")
    return [first, fewer, replace(other, name="other")]


def load(collection: Collection, progress: Progress, beside: Engine | None) -> Engine:
    return Engine.load(collection, progress, limits=Limits(cache_bytes=1_000_000), beside=beside)


def without_tabs(pages: Pages, page: Page) -> object:
    """A page without tabs: Gradio copies what is on a page for each program that asks."""
    content = replace(content_of(page.collection), tabs=())
    return build(content, page.loader, pages), launch_options(content, page.loader)


@pytest.fixture(scope="module")
def served(collections: list[Collection]) -> Iterator[SimpleNamespace]:
    """The three pages of one server."""
    pages = Pages(load, without_tabs)  # type: ignore[arg-type]
    first = pages.first(collections[0])
    demo, options = without_tabs(pages, first)  # type: ignore[misc]
    server, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    pages.attach(server)
    first.loader.start()
    assert first.loader.wait(120) is not None
    places = ["", *(pages.open(one).strip("/") + "/" for one in collections[1:])]
    yield SimpleNamespace(pages=pages, addresses=[f"{address}{one}" for one in places])
    demo.close()


def engines(pages: Pages) -> list[Engine]:
    found = [page.loader.wait(120) for page in pages.pages]
    assert all(found)
    return found  # type: ignore[return-value]


def test_engines_of_all_pages_take_turns_and_share_one_memory(served: SimpleNamespace) -> None:
    first, fewer, other = engines(served.pages)
    assert first.runner.model is fewer.runner.model is not other.runner.model
    resources = first.runner.resources
    assert resources is fewer.runner.resources is other.runner.resources
    room = resources.admission
    room.enter(room.most_bytes, lambda: None)
    try:
        for engine in (fewer, other):
            waits = threading.Event()

            def wanted(what: str, share: float, waits: threading.Event = waits) -> None:
                waits.set()
                raise InterruptedError

            prompt = engine.prompt("Who waits?")
            row = engine.answer(
                prompt, fuse(["base"], engine.context(prompt)), new_tokens=2, progress=wanted
            )
            with pytest.raises(InterruptedError):
                next(row)
            assert waits.is_set(), "what one collection holds, another cannot have"
    finally:
        room.leave(room.most_bytes)
    for engine in (first, fewer, other):
        engine.trace("Who is kept?")
    together = sum(engine.kept.bytes for engine in (first, fewer, other))
    assert 0 < together <= resources.kept.most_bytes


def test_a_full_queue_is_full_for_every_collection(served: SimpleNamespace) -> None:
    queue = served.pages.request_queue
    with ExitStack() as waiting:
        for _ in range(SERVED + WAITING):
            waiting.enter_context(queue.entry())
        for address in served.addresses:
            refused = RemotePage(address).visit("Who asks?", ["base"], 1).error
            assert f"{WAITING} requests are waiting" in refused
    for address in served.addresses:
        assert not RemotePage(address).visit("Who asks?", ["base"], 1).error


def test_fifty_visitors_of_three_collections_get_their_solo_answers(
    served: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [RemotePage(address) for address in served.addresses]

    def ask(number: int) -> Visit:
        return pages[number % 3].visit(f"How many are {number} and 3?", ["static"], 3)

    solo = [ask(number) for number in range(12)]
    room = engines(served.pages)[0].runner.resources.admission
    monkeypatch.setattr(admission, "STALLED_SECONDS", math.inf)
    held: list[int] = []
    enters = room.enter
    monkeypatch.setattr(room, "enter", lambda *one: (enters(*one), held.append(room.held_bytes)))
    with ThreadPoolExecutor(50) as executor:
        found = list(executor.map(ask, range(50)))
    assert not [one.error for one in (*solo, *found) if one.error]
    parted = [pair for pair in zip(found, solo, strict=False) if pair[0].ids != pair[1].ids]
    # In a batch of another size float32 rounds otherwise, so equally probable tokens may change.
    assert all(one.probabilities == pytest.approx(other.probabilities) for one, other in parted)
    assert held and max(held) <= room.most_bytes and room.held_bytes == 0


def test_an_engine_that_nobody_asks_is_let_go_and_loaded_again(
    served: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LISTEN_SECONDS", 0.0)
    first, _, other = served.pages.pages
    kept = first.loader.wait(120)
    model = weakref.ref(other.loader.wait(120).runner.model)
    page = RemotePage(served.addresses[2])
    before = page.visit("Who asks?", ["base"], 3)
    for loader in (first.loader, other.loader):
        loader.seen(anybody=True)
        loader.seen(anybody=False)
    assert other.loader.engine is not None, "it is asked for until just now"
    monkeypatch.setattr(other.loader, "_idle_seconds", 0.0)
    for loader in (first.loader, other.loader):
        loader.seen(anybody=False)
    assert first.loader.engine is kept, "the first page keeps its engine"
    assert other.loader.engine is None and other.loader.now.state == "loading"
    await_(lambda: gc.collect() >= 0 and model() is None)
    after = page.visit("Who asks?", ["base"], 3)
    assert after.ids == before.ids and not after.error
    assert other.loader.wait(120).runner.resources is kept.runner.resources


def test_a_sweep_tells_whether_anybody_is_there(served: SimpleNamespace) -> None:
    told: list[bool] = []
    blocks = SimpleNamespace(
        _queue=SimpleNamespace(
            event_ids_to_events={}, pending_messages_per_session={}, pending_event_ids_session={}
        )
    )
    states = SimpleNamespace(session_data={}, time_last_used={})
    app = SimpleNamespace(get_blocks=lambda: blocks, state_holder=states)
    seen = connections.Connections(None, told.append)  # type: ignore[arg-type]
    seen.sweep(app)
    states.session_data["a page"] = None
    seen.sweep(app)
    assert told == [False, True]


def test_a_loading_waits_for_the_one_before_it(collections: list[Collection]) -> None:
    begun, go = threading.Event(), threading.Event()
    beside: list[Engine | None] = []
    engine = load(collections[0], lambda what, share: None, None)

    def held(collection: Collection, progress: Progress, other: Engine | None) -> Engine:
        beside.append(other)
        begun.set()
        assert go.wait(60)
        return engine

    pages = Pages(held)
    first, second = pages.first(collections[0]), pages.first(collections[2])
    first.loader.start()
    assert begun.wait(60)
    second.loader.start()
    await_(lambda: second.loader.now.what == "waiting for another collection to load")
    go.set()
    assert first.loader.wait(60) is second.loader.wait(60) is engine
    assert beside == [None, engine]


def test_a_server_for_others_tells_no_place_of_a_failed_loading(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(progress: Progress) -> Engine:
        raise InputError("The base's folder /srv/secret/base is not there.")

    for tells in (True, False):
        loader = Loader(fail, tells=tells)
        loader.start()
        with pytest.raises(InputError) as error:
            loader.wait(60)
        assert ("/srv/secret" in str(error.value)) == ("/srv/secret" in loader.now.what) == tells
    assert "/srv/secret/base is not there" in caplog.text
    assert (Pages(load).first(None).loader._tells) is False  # type: ignore[arg-type]
