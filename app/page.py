"""The page: its tabs, its look, and how it is served."""

from __future__ import annotations

import os
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from analysis.measure.collection_check import check_collection
from analysis.models.manifest import DEFAULT_COLLECTION, Collection, load_collection
from app import first_paint
from app.explore import tab
from app.first_paint import FirstPaint
from app.server.loader import Loader
from app.state import stored_example
from app.views.masthead_view import masthead_view
from app.widgets import panels
from app.widgets.theme import theme

COLLECTION = "FUSION_LENS_COLLECTION"
"""The environment variable that names another collection."""

_TABS = (tab,)
_POLL_SECONDS = 0.5


def chosen_collection() -> Collection:
    """The collection that the environment names, or the bundled one.

    Raises:
        InputError: It cannot be used.
    """
    collection = load_collection(os.environ.get(COLLECTION) or DEFAULT_COLLECTION)
    check_collection(collection)
    return collection


def build(collection: Collection, loader: Loader) -> gr.Blocks:
    """The whole page."""
    demo = gr.Blocks(title="Fusion Lens", fill_width=True, analytics_enabled=False)
    with demo:
        head = panels.panel("masthead", masthead_view(collection, loader.now), elem_id="masthead")
        with gr.Tabs():
            for one in _TABS:
                with gr.Tab(one.TITLE, id=one.TITLE):
                    one.build(collection, loader, demo)
        timer = gr.Timer(_POLL_SECONDS)

        def tick() -> tuple[str, gr.Timer]:
            loader.shown.set()
            now = loader.now
            shown = panels.encode(masthead_view(collection, now))
            return shown, gr.Timer(active=now.state == "loading")

        quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False}
        timer.tick(tick, None, [head, timer], **quiet)
    # Without it a request could pass by the queue and its limits.
    demo.queue(api_open=False, max_size=64, default_concurrency_limit=16)
    return demo


def launch_options(collection: Collection) -> dict[str, Any]:
    """What `launch` needs besides an address, to serve a collection's page."""
    stored = stored_example.load(collection)
    view = (
        [] if stored is None else [Middleware(FirstPaint, first_paint.markup(collection, stored))]
    )
    return {
        "theme": theme(),
        "css_paths": [panels.CSS],
        "head": panels.head(),
        "app_kwargs": {"routes": panels.routes(), "middleware": view},
        "footer_links": [],
        # Requests that wait for their turn each hold a thread; looking must never wait for one.
        "max_threads": 64,
        # Gradio asks itself for the page and gives up where that takes 3 s, as on a busy machine.
        "_frontend": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "show_error": False,
    }
