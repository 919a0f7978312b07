"""A served page over a tiny random model, and a browser that looks at it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from analysis.models.manifest import load_collection
from tests.browser.find_browser import start
from tests.browser.sites import Site, renew, serve
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


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium; where one must be there, its absence is a failure and not a skip."""
    started = start(playwright)
    if started is None:
        missing = "No Chromium starts here: install one."
        if os.environ.get("CI") or os.environ.get("FUSION_LENS_REQUIRE_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)
    _, browser = started
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def renewed() -> None:
    """No test sees what another one asked."""
    renew()


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tiny_collection(tmp_path_factory.mktemp("tiny"), labels={"code": HOSTILE})
    yield from serve(load_collection(path))


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The tiny page, of which nothing was asked yet."""
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
        address: str,
        *,
        dark: bool = False,
        width: int = 1280,
        beside: Page | None = None,
        opened: bool = True,
    ) -> Page:
        theme = "dark" if dark else "light"
        page = visitors.next() if beside is None else visitors.watched(beside.context.new_page())
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}{'&' if '?' in address else '?'}__theme={theme}")
        # A link may have opened another tab by then.
        page.wait_for_selector("#query textarea", state="attached")
        if opened:
            wait_until_open(page)
        page.bring_to_front()
        return page

    yield visit
    trouble = list(visitors.trouble)
    visitors.leave()
    assert not trouble


def _elsewhere(url: str) -> list[str]:
    near = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "ws://127.0.0.1:")
    return [] if url.startswith(near) else [f"request to {url}"]


def wait_until_open(page: Page) -> None:
    """Waits until a page has read its address and lets its visitor act."""
    page.wait_for_selector("html:not([inert]) #query textarea", state="attached")


def ask(page: Page, query: str) -> None:
    """Types a query and asks it."""
    page.fill("#query textarea", query)
    page.click("#ask")


def settled(page: Page, state: str = "done", timeout: float = _TIMEOUT_MS) -> None:
    """Waits until a request has ended in some state."""
    expect(page.locator("#status .fl-panel")).to_have_attribute(
        "data-state", state, timeout=timeout
    )


def violations(
    page: Page, rules: Sequence[str] | None = None, within: str = "html", *, contrast: bool = True
) -> list[str]:
    """What axe finds, each with the elements.

    Args:
        page: The page.
        rules: The rules to check; all by default.
        within: The selector of the part to check; the whole page by default.
        contrast: Whether the contrast of texts is checked too, which takes axe most of its time:
            no need where the same styles were checked before, with other words.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
        # On its way from one colour to another, which may begin at any time, a button has neither's
        # contrast.
        page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    # Selectors of elements that pass, which nobody reads, take axe half its time.
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    if not contrast:
        options["rules"] = {"color-contrast": {"enabled": False}}
    found = page.evaluate(
        "([within, options]) => axe.run(within, options).then(found => found.violations)",
        [within, options],
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]
