"""The pages of a server: one for each collection, each at an address of its own.

A page never changes its collection: where an adapter is added or removed, another page is made,
with an engine that takes turns with the first one on the same model. Requests that run go on, links
lead to the collection that they were made with, and no cache confuses adapters that share a name.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models.collection import Collection
from analysis.models.manifest import bundled_collections, load_collection
from analysis.models.own_collection import content_digest, slug
from app.server.clients.allowance import Allowance
from app.server.collection_choice import CollectionChoice
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.engine import Engine

MOST_PAGES = 16
"""The most pages of a server."""

IDLE_SECONDS = 300.0
"""After so long without a visitor the engine of a page is let go, but for the first page's."""

# Between two looks whether another engine is still being loaded.
_LOOK_SECONDS = 0.2
_FOLDER = "collections"


@dataclass(frozen=True)
class Page:
    """A page of a server.

    Attributes:
        collection: Its collection.
        address: Its address on the server, such as `/` or `/collections/mine-0a1b2c3d/`.
        loader: Loads its engine.
    """

    collection: Collection
    address: str
    loader: Loader


Build = Callable[["Pages", Page], tuple[gr.Blocks, dict[str, Any]]]
"""From a page to its blocks and the options of Gradio's `launch`."""
Load = Callable[[Collection, Progress, "Engine | None"], "Engine"]
"""Loads a collection's engine, beside another one of the server if there is one."""


class Pages:
    """The pages of a server.

    Args:
        load: Loads the engine of a collection whose base is not loaded yet.
        build: Builds a page.
        may_add: Whether visitors may add adapters from folders and hub ids.
        public: Whether anybody may ask, so that each address of a program gets a bounded part.

    Attributes:
        request_queue: The queue of all requests, whichever collection they are about.
        allowance: How much the programs of one address may ask; None for no bound.
    """

    def __init__(
        self,
        load: Load,
        build: Build | None = None,
        *,
        may_add: bool = False,
        public: bool = False,
    ) -> None:
        self._load = load
        self._build = build
        self.may_add = may_add
        self.request_queue = RequestQueue()
        self.allowance = Allowance() if public else None
        self._app: FastAPI | None = None
        self._pages: list[Page] = []
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def first(self, collection: Collection, loader: Loader | None = None) -> Page:
        """The page at the server's root; the caller builds, launches and loads it.

        Args:
            collection: Its collection.
            loader: Its loader; one of its own by default.
        """
        page = Page(collection, "/", loader or self._loader(collection))
        self._pages.append(page)
        return page

    def attach(self, app: FastAPI) -> None:
        """Takes the running server, to which more pages are added."""
        self._app = app

    @property
    def pages(self) -> tuple[Page, ...]:
        """The pages that there are, the first one first."""
        return tuple(self._pages)

    @property
    def can_open(self) -> bool:
        """Whether more pages can be added."""
        return self._app is not None and self._build is not None

    def choices(self, here: Collection) -> tuple[CollectionChoice, ...]:
        """The collections to choose from; none where there is no choice.

        Args:
            here: The collection of the page that asks.
        """
        found = [
            CollectionChoice(
                page.collection.title, page.address, page.collection.name, page.collection is here
            )
            for page in self._pages
        ]
        known = {page.collection.name for page in self._pages}
        names = bundled_collections() if self.can_open else ()
        more = [load_collection(name) for name in names if name not in known]
        found += [CollectionChoice(other.title, "", other.name, False) for other in more]
        return tuple(found) if len(found) > 1 else ()

    def address_of(self, name: str) -> str:
        """The address of the page of a collection that the server has; empty if it has none.

        Args:
            name: Name of the collection, from anybody's link; a bundled one gets its page now.

        Raises:
            InputError: The server has no room for another page.
        """
        for page in list(self._pages):
            if page.collection.name == name:
                return page.address
        if self.can_open and name in bundled_collections():
            return self.open(load_collection(name))
        return ""

    def open(self, collection: Collection) -> str:
        """The address of a collection's page, which is made now if it is not there yet.

        Raises:
            InputError: The server has no room for another page.
        """
        with self._lock:
            key = _key(collection)
            for page in self._pages:
                if _key(page.collection) == key:
                    return page.address
            if len(self._pages) >= MOST_PAGES:
                raise InputError(
                    f"This server shows {MOST_PAGES} collections already: start it anew, with the "
                    "adapters as options."
                )
            if self._app is None or self._build is None:
                raise InputError("This server shows one collection only: start another for it.")
            name = slug(collection.name)
            loader = self._loader(collection, IDLE_SECONDS)
            page = Page(collection, f"/{_FOLDER}/{name}-{key[:8]}/", loader)
            # In a thread of its own: inside a handler Gradio takes components for values.
            with ThreadPoolExecutor(1) as executor:
                blocks, options = executor.submit(self._build, self, page).result()
            self._mount(page.address.rstrip("/"), blocks, options)
            self._pages.append(page)
            page.loader.start(patience=None)
            return page.address

    def _mount(self, path: str, blocks: gr.Blocks, options: dict[str, Any]) -> None:
        assert self._app is not None
        # On an application of its own first: Gradio adds routes at the end, behind its page's own.
        aside = FastAPI()
        known = {key: value for key, value in options.items() if key in _MOUNT_OPTIONS}
        gr.mount_gradio_app(aside, blocks, path, **known)
        mount = aside.router.routes[-1]
        assert isinstance(mount, Mount)
        self._app.router.routes.insert(0, Mount(path, app=_Started(mount.app, blocks)))

    def _loader(self, collection: Collection, idle_seconds: float | None = None) -> Loader:
        def load(progress: Progress) -> Engine:
            # One at a time, so that each finds those before it and takes a part of their memory.
            while not self._loading.acquire(timeout=_LOOK_SECONDS):
                progress(say("waiting for another collection to load"), 0.0)
            try:
                pages = list(self._pages)
                found = [(page.collection.base, page.loader.engine) for page in pages]
                engines = [(base, engine) for base, engine in found if engine is not None]
                for base, engine in engines:
                    if base == collection.base:
                        return engine.with_collection(collection, progress)
                return self._load(collection, progress, engines[0][1] if engines else None)
            finally:
                self._loading.release()

        return Loader(load, idle_seconds=idle_seconds, tells=self.may_add)


_MOUNT_OPTIONS = {
    "theme", "css_paths", "head", "app_kwargs", "footer_links", "ssr_mode", "enable_monitoring",
    "run_history", "show_error",
}  # fmt: skip


class _Started:
    """A page's application that starts its queue at the first request, in the server's loop."""

    def __init__(self, app: Any, blocks: gr.Blocks) -> None:
        self._app = app
        self._blocks: Any = blocks
        self._running = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._running:
            self._running = True
            self._blocks.run_startup_events()
            await self._blocks.run_extra_startup_events()
        await self._app(scope, receive, send)


def _key(collection: Collection) -> str:
    """A digest of what a collection's numbers follow from: base, adapters by content, names."""
    base = collection.base
    parts = [base.source, base.location, base.revision or "", collection.name]
    for entry in collection.adapters:
        try:
            parts += [entry.name, content_digest(entry)]
        except (InputError, OSError):  # the loader reports what is wrong with it
            parts += [entry.name, str(entry.folder)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
