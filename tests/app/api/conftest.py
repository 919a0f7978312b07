"""A tiny page that is served, for programs to ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from gradio_client import Client

from analysis.engine import Engine
from analysis.models.manifest import load_collection
from app.page import build, content_of, launch_options
from app.server.loader import Loader
from app.server.pages import Pages
from tests.tiny import tiny_collection


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    collection = load_collection(tiny_collection(tmp_path_factory.mktemp("api")))
    loader = Loader(lambda progress: Engine.load(collection, progress))
    content = content_of(collection)
    demo = build(content, loader)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(content))
    loader.start()
    engine = loader.wait(120)
    assert engine is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        client = Client(address, verbose=False, analytics_enabled=False)
        yield SimpleNamespace(
            address=address, client=client, engine=engine, loader=loader, content=content
        )
        client.close()
    demo.close()
    assert engine.background.wait_until_done(120)


@pytest.fixture(scope="package")
def bare(site: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """The page again, without tabs: Gradio copies what is on a page for each program that asks."""
    content = replace(site.content, tabs=())
    pages = Pages(lambda *_: site.engine)
    demo = build(content, site.loader, pages)
    served, address, _ = demo.launch(
        prevent_thread_lock=True, quiet=True, **launch_options(content, site.loader)
    )
    yield SimpleNamespace(
        address=address, engine=site.engine, demo=demo, served=served, pages=pages
    )
    demo.close()
