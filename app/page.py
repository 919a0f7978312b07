"""The page: its tabs, its theme, and how it is served."""

from __future__ import annotations

import functools
import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

import app
from analysis.measure.checks.collection_check import check_collection
from analysis.models.collection import Collection
from analysis.models.manifest import DEFAULT_COLLECTION, load_collection
from app import first_paint
from app.first_paint import FirstPaint
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.services.page_links import PageLinks
from app.services.query_service import QueryService
from app.services.tabs import Tab, TabContext
from app.services.view_service import ViewService
from app.state import stored_example
from app.state.examples import load_examples
from app.state.session import Session
from app.state.stored_example import StoredExample
from app.state.view_settings import ViewSettings
from app.views.export_panel import Permalink
from app.views.masthead_panel import masthead_panel
from app.widgets import panels
from app.widgets.labels import labels_of
from app.widgets.theme import theme

COLLECTION = "FUSION_LENS_COLLECTION"
"""The environment variable that names another collection."""

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Content:
    """What the page is made of, read once.

    Attributes:
        collection: The collection of the page.
        example: The stored example, if the collection has one.
        tabs: The tabs in their order.
    """

    collection: Collection
    example: StoredExample | None
    tabs: tuple[Tab, ...]


def content_of(collection: Collection) -> Content:
    """The content of a collection's page."""
    return Content(collection, stored_example.load(collection), tuple(find_tabs()))


def collection_from_environment() -> Collection:
    """The collection that the environment names, or the bundled one.

    Raises:
        InputError: The collection cannot be used.
    """
    collection = load_collection(os.environ.get(COLLECTION) or DEFAULT_COLLECTION)
    check_collection(collection)
    return collection


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


def build(content: Content, loader: Loader) -> gr.Blocks:
    """The whole page.

    Args:
        content: What the page is made of.
        loader: Gives the engine once it is loaded.

    Raises:
        InputError: The collection's examples cannot be used.
    """
    collection, example = content.collection, content.example
    page = gr.Blocks(title="Fusion Lens", fill_width=True, analytics_enabled=False)
    labels, request_queue = labels_of(collection), RequestQueue()
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
            query_service=QueryService(
                loader, request_queue, labels, view_service, load_examples(collection)
            ),
            view_service=view_service,
            session=gr.State(session),
            links=PageLinks(page, address),
            stored_example=example,
        )
        masthead = panels.panel(
            "masthead", masthead_panel(collection, loader.now), elem_id="masthead"
        )
        with gr.Tabs():
            for tab in content.tabs:
                with gr.Tab(tab.title, id=tab.title) as own:
                    tab.build(context(tab=own))
        timer = gr.Timer(_POLL_SECONDS)

        def update_masthead() -> tuple[str, gr.Timer]:
            loader.page_opened.set()
            loading = loader.now
            content = panels.encode(masthead_panel(collection, loading))
            return content, gr.Timer(active=loading.state == "loading")

        timer.tick(update_masthead, None, [masthead, timer], show_progress="hidden", queue=False)
    # With an open API, a request could bypass the queue and its limits.
    page.queue(api_open=False, max_size=64, default_concurrency_limit=16)
    return page


def launch_options(content: Content) -> dict[str, Any]:
    """The options of Gradio's `launch` that serve a page, without the address."""
    middleware = []
    if content.example is not None:
        titles = [tab.title for tab in content.tabs]
        markup = first_paint.markup(content.collection, content.example, titles)
        middleware.append(Middleware(FirstPaint, markup))
    return {
        "theme": theme(),
        "css_paths": panels.styles(),
        "head": panels.head(),
        "app_kwargs": {"routes": panels.routes(), "middleware": middleware},
        "footer_links": [],
        # Each request in the queue holds a thread; changes of view settings need free threads.
        "max_threads": 64,
        # Gradio asks itself for the page and gives up after 3 s, which a busy machine exceeds.
        "_frontend": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "show_error": False,
    }
