"""A served page over a tiny random model, and a browser that looks at it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from analysis.engine import Engine
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.page import build, content_of, launch_options
from app.server.loader import Loader
from tests.answering import PacedAnswering
from tests.browser.find_browser import ARGUMENTS, find
from tests.passes import Passes, unwatch
from tests.tiny import tiny_collection

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that a theme can break."""

HOSTILE = '<img src=x onerror="document.title=1">${7*7}{{value}}'
"""An adapter's label that would act if anything took it for markup or a template."""

NO_ANSWERS = "?answers=&alone="
"""Of an address: the page asks for no answers, which take the longest."""

SHORT = "?answers=base,qa-flora&alone=&length=8"
"""Of an address: the page asks for two short answers."""

# Nothing should take so long; machines that run much else do.
_TIMEOUT_MS = 90_000
expect.set_options(timeout=_TIMEOUT_MS)


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
        watched: The forward passes that the engine runs; decoding left out.
        calls: The engine's calls, in order: `trace` or `answer`.
        pace: Holds decoding.
        layers: Holds forward passes.
        closed: Set once a decoding has ended, however it did.
    """

    address: str
    collection: Collection
    engine: Engine
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


def serve(collection: Collection, engine: Engine | None = None) -> Iterator[Site]:
    """Serves a collection's page until the iterator goes on.

    Args:
        collection: The collection.
        engine: Its engine, which stays as it is; loaded by default.
    """
    given = engine
    loader = Loader(lambda progress: given or Engine.load(collection, progress))
    content = content_of(collection)
    demo = build(content, loader)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(content))
    loader.start()
    engine = loader.wait(300)
    assert engine is not None, loader.now
    site = Site(address, collection, engine)
    _watch(site)
    yield site
    site.pace.free()
    site.layers.free()
    demo.close()
    unwatch(engine)
    for name in ("trace", "answer"):
        vars(engine).pop(name, None)
    # What still computes in a thread when Python ends takes the whole process down.
    assert engine.background.wait_until_done(300)


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


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium; where one must be there, its absence is a failure and not a skip."""
    path = find()
    if path is None:
        missing = "No Chromium starts here: install one."
        if os.environ.get("CI") or os.environ.get("FUSION_LENS_REQUIRE_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="session")
def chromium(browser_path: str, playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tiny_collection(tmp_path_factory.mktemp("tiny"), labels={"code": HOSTILE})
    yield from serve(load_collection(path))


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The tiny page, nothing counted, no answer kept and nothing held."""
    shared_site.calls.clear()
    shared_site.passes.clear()
    shared_site.closed.clear()
    shared_site.engine.kept_answers.clear()
    shared_site.pace.free()
    shared_site.layers.free()
    return shared_site


Open = Callable[..., Page]


class Visitors:
    """Visitors of pages, each with storage of their own, who come again in the next test.

    A page that is opened where the page before it was costs a third of the time of a new one: the
    browser keeps the compiled scripts. Between tests all that a visitor left behind is taken away.

    Args:
        browser: The browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: list[Page] = []
        self._here = 0
        self.trouble: list[str] = []
        """Errors that pages logged, and requests to other hosts."""

    def coming(self) -> Page:
        """The page of the visitor who comes next, still empty."""
        if self._here == len(self._pages):
            context = self._browser.new_context(permissions=["clipboard-read", "clipboard-write"])
            self._pages.append(self.watched(context.new_page()))
        return self._pages[self._here]

    def next(self) -> Page:
        """The page of a visitor who is not here yet."""
        page = self.coming()
        self._here += 1
        return page

    def watched(self, page: Page) -> Page:
        """A page whose trouble is noted."""
        trouble = self.trouble
        page.set_default_timeout(_TIMEOUT_MS)
        page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: trouble.extend(_elsewhere(request.url)))
        return page

    def leave(self) -> None:
        """Sends all visitors away, without their storage, their further pages and their routes."""
        for place, page in enumerate(self._pages[: self._here]):
            context = page.context
            for other in context.pages:
                if other is not page:
                    other.close()
            context.unroute_all()
            context.clear_cookies()
            if page.is_closed():  # a test closed the page, which kept its storage
                page = self._pages[place] = self.watched(context.new_page())
            page.unroute_all()
            page.goto("about:blank")
            _clear_storage(page)
        self._here = 0


def _clear_storage(page: Page) -> None:
    """Clears what pages of this machine keep in the browser."""
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
    session.detach()


@pytest.fixture(scope="session")
def visitors(chromium: Browser) -> Visitors:
    return Visitors(chromium)


@pytest.fixture
def visit(visitors: Visitors) -> Iterator[Open]:
    """Opens pages, each as a visitor of its own or in the browser that another is `beside`.

    Afterwards none may have logged an error or asked another host for anything.
    """
    visitors.trouble.clear()

    def visit(
        address: str, *, dark: bool = False, width: int = 1280, beside: Page | None = None
    ) -> Page:
        theme = "dark" if dark else "light"
        page = visitors.next() if beside is None else visitors.watched(beside.context.new_page())
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}{'&' if '?' in address else '?'}__theme={theme}")
        page.wait_for_selector("#query textarea")
        page.bring_to_front()
        return page

    yield visit
    trouble = list(visitors.trouble)
    visitors.leave()
    assert not trouble


def _elsewhere(url: str) -> list[str]:
    near = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "ws://127.0.0.1:")
    return [] if url.startswith(near) else [f"request to {url}"]


def ask(page: Page, query: str) -> None:
    """Types a query and asks it."""
    page.fill("#query textarea", query)
    page.click("#ask")


def settled(page: Page, state: str = "done", timeout: float = _TIMEOUT_MS) -> None:
    """Waits until a request has ended in some state."""
    expect(page.locator("#status .fl-panel")).to_have_attribute(
        "data-state", state, timeout=timeout
    )


def violations(page: Page, rules: Sequence[str] | None = None) -> list[str]:
    """What axe finds, each with the elements.

    Args:
        page: The page.
        rules: The rules to check; all by default.
    """
    # On its way from one colour to another, which may begin at any time, a button has neither's
    # contrast.
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Selectors of elements that pass, which nobody reads, take axe half its time.
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = page.evaluate(
        "options => axe.run(document, options).then(found => found.violations)", options
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]
