"""The page: its tabs, its theme, and how it is served."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.middleware import Middleware

import app
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models.collection import Collection
from app import first_paint
from app.api import endpoints
from app.api.endpoints import Endpoints
from app.api.turns import Turns
from app.first_paint import FirstPaint
from app.server.clients.body_limit import BodyLimit
from app.server.clients.connections import Connections
from app.server.downloads import DOWNLOADS
from app.server.guard import text_of
from app.server.loader import Loader
from app.server.pages import Page, Pages
from app.server.request_queue import SERVED, WAITING
from app.services.page_links import PageLinks
from app.services.query_service import QueryService
from app.services.tabs import Tab, TabContext
from app.services.view_service import ViewService
from app.state import stored_example
from app.state.examples import load_examples
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.stored_example import StoredExample
from app.views.export_panel import Permalink
from app.views.masthead_panel import masthead_panel
from app.widgets import panels
from app.widgets.glossary import Term, load_glossary
from app.widgets.labels import labels_of
from app.widgets.theme import theme
from app.widgets.words.dictionaries import Dictionary, load_dictionaries

if TYPE_CHECKING:
    from analysis.engine import Engine

_POLL_SECONDS = 0.5
# After so many seconds Gradio's queue looks again whether there is work. Its own millisecond takes
# 7 % of a core for each page of a server that nobody asks anything.
_LOOK_SECONDS = 0.01
# Gradio copies the page for each session, 0.2 MB each.
_MOST_SESSIONS = 1000


@dataclass(frozen=True)
class Content:
    """What the page is made of, read once.

    Attributes:
        collection: The collection of the page.
        example: The stored example, if the collection has one.
        tabs: The tabs in their order.
        glossary: What the terms of the page mean, by name.
        dictionaries: The page's words in other languages than English, by the language's code.
    """

    collection: Collection
    example: StoredExample | None
    tabs: tuple[Tab, ...]
    glossary: Mapping[str, Term]
    dictionaries: Mapping[str, Dictionary]


def content_of(collection: Collection) -> Content:
    """The content of a collection's page.

    Raises:
        InputError: The glossary or a dictionary has a mistake.
    """
    example, glossary = stored_example.load(collection), load_glossary()
    dictionaries = load_dictionaries(glossary)
    return Content(collection, example, tuple(find_tabs()), glossary, dictionaries)


def find_tabs() -> list[Tab]:
    """The tabs in their order: the `TAB` of each folder of `app` that has a `tab.py`.

    Raises:
        TypeError: A `tab.py` has no `TAB`, or its folder is no package.
        ValueError: Two tabs have the same title.
    """
    tabs: list[Tab] = []
    for path in sorted(path for root in app.__path__ for path in Path(root).glob("*/tab.py")):
        name = f"{app.__name__}.{path.parent.name}.tab"
        if not (path.parent / "__init__.py").is_file():
            raise TypeError(f"{path.parent} has a tab.py but no __init__.py: add an empty one")
        tab = getattr(importlib.import_module(name), "TAB", None)
        if not isinstance(tab, Tab):
            raise TypeError(f"{name} has no TAB of class {Tab.__name__}")
        if tab.title in [other.title for other in tabs]:
            raise ValueError(f"{name}: another tab is titled {tab.title!r} too")
        tabs.append(tab)
    return sorted(tabs, key=lambda tab: (tab.order, tab.title))


def build(content: Content, loader: Loader, pages: Pages | None = None) -> gr.Blocks:
    """The whole page.

    Args:
        content: What the page is made of.
        loader: Gives the engine once it is loaded.
        pages: The pages of the server; this one alone by default.

    Raises:
        InputError: The collection's examples cannot be used.
    """
    pages = pages or Pages(_no_other)
    collection, example = content.collection, content.example
    page = gr.Blocks(title="Fusion Lens", fill_width=True, analytics_enabled=False)
    labels, request_queue = labels_of(collection), pages.request_queue
    examples = load_examples(collection)
    view_service = ViewService(loader, labels, example)
    session = Session(view_settings=ViewSettings.of(collection))
    if example is not None:
        session.show(example.snapshot)
    with page:
        address = panels.panel("address", Permalink("", ()), elem_id="address")
        context = functools.partial(
            TabContext,
            page=page,
            collection=collection,
            labels=labels,
            loader=loader,
            request_queue=request_queue,
            query_service=QueryService(loader, request_queue, labels, view_service, examples),
            view_service=view_service,
            session=gr.State(session),
            links=PageLinks(page, address),
            stored_example=example,
            pages=pages,
        )
        masthead = panels.panel(
            "masthead",
            masthead_panel(collection, loader.now),
            events=("choose",),
            elem_id="masthead",
        )
        # A menu would hide some tabs on a narrow page; a second row shows all of them.
        with gr.Tabs(overflow_behavior="wrap"):
            for tab in content.tabs:
                with gr.Tab(tab.title, id=tab.title) as own:
                    tab.build(context(tab=own))
        timer = gr.Timer(_POLL_SECONDS)

        def update_masthead() -> tuple[str, gr.Timer]:
            loader.wanted.set()
            loading = loader.now
            panel = masthead_panel(collection, loading, pages.choices(collection))
            return panels.encode(panel), gr.Timer(active=loading.state == "loading")

        def choose_collection(event: gr.EventData) -> str:
            loading, address, notice = loader.now, "", ""
            try:
                # The name comes from the browser: a path of this machine is no name.
                address = pages.address_of(str(event.name))
                if not address:
                    notice = f"This server has no collection {str(event.name)[:60]!r}."
            except InputError as error:
                notice = text_of(error, "")
            choices = pages.choices(collection)
            return panels.encode(masthead_panel(collection, loading, choices, address, notice))

        masthead.choose(choose_collection, None, masthead, show_progress="hidden")
        timer.tick(update_masthead, None, [masthead, timer], show_progress="hidden", queue=False)
        turns = Turns(loader, request_queue, pages.allowance)
        endpoints.connect(Endpoints(collection, turns, pages, examples), page)
    # With an open API, a request could bypass the queue and its limits.
    page.queue(api_open=False, max_size=2 * (SERVED + WAITING), default_concurrency_limit=16)
    page._queue.sleep_when_free = _LOOK_SECONDS
    page._queue.progress_update_sleep_when_free = _POLL_SECONDS  # Gradio's own bars: none is here
    return page


def build_page(pages: Pages, page: Page) -> tuple[gr.Blocks, dict[str, Any]]:
    """A page of a server, and how it is launched.

    Raises:
        InputError: The collection or its examples cannot be used.
    """
    content = content_of(page.collection)
    return build(content, page.loader, pages), launch_options(content, page.loader)


def _no_other(collection: Collection, progress: Progress, beside: Engine | None) -> Engine:
    raise InputError(f"This server shows one collection only, not {collection.name}.")


def launch_options(content: Content, loader: Loader | None = None) -> dict[str, Any]:
    """The options of Gradio's `launch` that serve a page, without the address.

    Args:
        content: What the page is made of.
        loader: The loader of its engine, whose results of visitors who have gone are dropped.
    """

    def swept(anybody: bool) -> None:
        if loader is not None:
            if loader.engine is not None:
                loader.engine.forget_gone_owners()
            loader.seen(anybody=anybody)

    middleware = [Middleware(BodyLimit), Middleware(Connections, swept)]
    if content.example is not None:
        titles = [tab.title for tab in content.tabs]
        markup = first_paint.markup(content.collection, content.example, titles)
        middleware.append(Middleware(FirstPaint, markup))
    return {
        "theme": theme(),
        "css_paths": panels.styles(),
        "head": panels.head(content.glossary, content.dictionaries),
        "app_kwargs": {
            "routes": [*panels.routes(content.dictionaries), *DOWNLOADS.routes()],
            "middleware": middleware,
        },
        "footer_links": [],
        # Each request in the queue holds a thread; changes of view settings need free threads.
        "max_threads": SERVED + WAITING + 32,
        # Gradio asks itself for the page and gives up after 3 s, which a busy machine exceeds.
        "_frontend": False,
        "state_session_capacity": _MOST_SESSIONS,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "show_error": False,
    }
