"""Tabs: what a tab is, and what it gets from the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.models.collection import Collection
from app.server.loader import Loader
from app.server.pages import Pages
from app.server.request_queue import RequestQueue

if TYPE_CHECKING:
    import gradio as gr

    from app.services.page_links import PageLinks
    from app.services.query_service import QueryService
    from app.services.view_service import ViewService
    from app.state.stored_example import StoredExample


@dataclass(frozen=True)
class TabContext:
    """The shared parts of the page, and the tab's own part.

    All tabs share one session for each visitor and one queue: a request of one tab ends the
    visitor's running request, from whichever tab that came.

    Attributes:
        page: The page; its `load` event comes when a visitor opens the page.
        tab: The tab's own part of the page; its `select` event comes when a visitor opens the tab.
        collection: The collection of the page.
        labels: The adapters' labels by name.
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        query_service: Serves questions, in that queue.
        view_service: Shows the runs of the questions.
        session: The component that holds the visitor's session.
        links: The links to the page; a tab adds the controls whose values they hold.
        stored_example: The run that the page shows before the first question, if there is one.
        pages: The pages of the server, to which a tab may add one.
    """

    page: gr.Blocks
    tab: gr.Tab
    collection: Collection
    labels: Mapping[str, str]
    loader: Loader
    request_queue: RequestQueue
    query_service: QueryService
    view_service: ViewService
    session: gr.State
    links: PageLinks
    stored_example: StoredExample | None
    pages: Pages


@dataclass(frozen=True)
class Tab:
    """A tab of the page. The module `tab` of a tab's package holds one as `TAB`.

    Attributes:
        title: Its title.
        order: Tabs with a lower number stand to the left.
        build: Lays out the tab and connects its events, inside the page.
    """

    title: str
    order: int
    build: Callable[[TabContext], None]
