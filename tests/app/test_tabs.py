"""A tab is one folder: the page finds it, and it shares the page's queue, services and session."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

import app
from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.page import build, content_of, find_tabs
from app.server.loader import Loader
from app.services.tabs import TabContext
from app.state.run import AnswerSettings
from tests.added import added_tab
from tests.tiny import tiny_collection

_TAB = """
import gradio as gr

from app.services.page_links import LinkedControl
from app.services.tabs import Tab, TabContext
from app.state.link_fields import Field, one_of
from app.state.run import AnswerSettings

contexts = []


def build(context: TabContext) -> None:
    contexts.append(context)
    choice = gr.Dropdown(["one", "two"], value="one", elem_id="chapter")
    field = Field("chapter", one_of("one", "two"), "one")
    context.links.add({"chapter": LinkedControl(choice, field)})
    chapter = gr.Button("First chapter", elem_id="first-chapter")
    answer = gr.Textbox()

    def ask_chapter(session):
        from analysis.inference.decoding.sampling import Sampling

        for update in context.query_service.ask(
            session,
            "How many?",
            list(context.labels),
            session.view_settings,
            lambda: AnswerSettings(("base",), 4, Sampling(), "norm"),
        ):
            if "answers" in update and update["answers"].rows:
                yield update["answers"].rows[0].text

    chapter.click(ask_chapter, context.session, answer)


TAB = Tab("Chapters", order=99, build=build)
"""


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return load_collection(tiny_collection(tmp_path / "tiny"))


@pytest.fixture
def chapters(tmp_path: Path) -> Iterator[str]:
    """The name of a package in another folder, which is a part of `app` meanwhile."""
    folder = tmp_path / "added"
    (folder / "no_tab").mkdir(parents=True)
    (folder / "no_tab" / "__init__.py").write_text("")
    with added_tab(folder, "chapters", _TAB) as module:
        yield module


def _page(collection: Collection) -> gr.Blocks:
    return build(content_of(collection), Loader(lambda progress: None))  # type: ignore[arg-type, return-value]


def _titles(page: gr.Blocks) -> list[str]:
    return [str(block.label) for block in page.blocks.values() if isinstance(block, gr.Tab)]


def _ids(page: gr.Blocks) -> set[object]:
    return {getattr(block, "elem_id", None) for block in page.blocks.values()}


def _no_answers() -> AnswerSettings:
    return AnswerSettings((), 4, Sampling(), "norm")


def _explore_context(page: gr.Blocks) -> TabContext:
    """The context that the Explore tab's listeners hold."""
    listener = next(
        listener for listener in page.fns.values() if listener.name == "read_every_token"
    )
    context = listener.fn.__self__.context  # type: ignore[union-attr]
    assert isinstance(context, TabContext)
    return context


def test_a_folder_with_a_tab_is_on_the_page_and_shares_the_queue(
    collection: Collection, chapters: str
) -> None:
    page = _page(collection)
    assert _titles(page) == [
        "Explore", "Adapters", "Profile", "Results", "Methods", "Learn", "Chapters"
    ]  # fmt: skip
    assert {"first-chapter", "ask"} <= _ids(page)
    (context,) = importlib.import_module(chapters).contexts
    assert context.page is page
    assert context.request_queue is _explore_context(page).request_queue
    # It can link to the other tab, and its own values have a place in a link.
    link = context.links.fields.encode({"query": "How many?", "chapter": "two"})
    assert link == "q=How+many%3F&chapter=two"


def test_a_link_holds_and_restores_a_control_of_an_added_tab(
    collection: Collection, chapters: str
) -> None:
    page = _page(collection)
    chapter = next(block for block in page.blocks.values() if block.elem_id == "chapter")
    # Another tab has listeners of these names, too.
    own = {
        listener.name: listener.fn
        for listener in page.fns.values()
        if chapter in listener.inputs or chapter in listener.outputs
    }
    written, opened = own["write_address"], own["restore_link"]
    assert written and opened
    # It writes no key of Explore, which the page keeps in its address.
    assert json.loads(written("two")) == {"text": "chapter=two", "keys": ["chapter"]}
    assert json.loads(written("one")) == {"text": "", "keys": ["chapter"]}

    def open_link(**query_params: str) -> object:
        return opened(SimpleNamespace(query_params=query_params))

    assert open_link(chapter="two", q="How many?") == {chapter: "two"}
    for link in ({"q": "How many?"}, {"chapter": "no such"}):
        assert open_link(**link) == gr.skip()


@pytest.mark.parametrize("key", ["q", "lens"])
def test_no_tab_takes_a_key_of_another_tab(
    tmp_path: Path, collection: Collection, key: str
) -> None:
    text = _TAB.replace('Field("chapter"', f'Field("{key}"')
    with (
        added_tab(tmp_path / "other", "taken", text),
        pytest.raises(ValueError, match=f"the key '{key}'"),
    ):
        _page(collection)


def test_a_tab_asks_through_the_service_of_all_tabs(collection: Collection, chapters: str) -> None:
    loader = Loader(lambda progress: Engine.load(collection, progress))
    page = build(content_of(collection), loader)
    loader.start()
    assert loader.wait(300) is not None, loader.now
    (context,) = importlib.import_module(chapters).contexts
    explore = _explore_context(page)
    assert context.query_service is explore.query_service
    assert context.session is explore.session
    listener = next(listener for listener in page.fns.values() if listener.name == "ask_chapter")
    session = context.session.value.copy()
    answers = list(listener.fn(session))  # type: ignore[arg-type, misc]
    assert answers[-1] and answers[-1] == session.answer_stream.panel().rows[0].text
    # What the chapter asked is the run that Explore shows.
    assert session.run.query == session.snapshot.query == "How many?"
    # It stands in the queue of the page: it waits while that serves others, and Stop ends it.
    with ExitStack() as others:
        for _ in range(context.request_queue.served):
            others.enter_context(context.request_queue.entry())
        steps = context.query_service.ask(
            session, "Why?", list(context.labels), session.view_settings, _no_answers
        )
        told = [next(steps)["status"].text, next(steps)["status"].text]
        session.stop()
        assert told == ["Reading the query", "Number 1 in the queue"]
        assert next(steps)["status"].state == "stopped"


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"tab.py": ""}, TypeError, "no __init__.py: add an empty one"),
        ({"tab.py": "", "__init__.py": ""}, TypeError, "app.wrong.tab has no TAB of class Tab"),
        ({"tab.py": "TAB = 3", "__init__.py": ""}, TypeError, "app.wrong.tab has no TAB"),
        (
            {"tab.py": _TAB.replace("Chapters", "Explore"), "__init__.py": ""},
            ValueError,
            "another tab is titled 'Explore' too",
        ),
    ],
)
def test_a_folder_that_is_no_tab_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    error: type[Exception],
    message: str,
) -> None:
    (tmp_path / "wrong").mkdir()
    for name, text in files.items():
        (tmp_path / "wrong" / name).write_text(text)
    monkeypatch.setattr(app, "__path__", [*app.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(error, match=message):
        find_tabs()
    for name in ("app.wrong.tab", "app.wrong"):
        sys.modules.pop(name, None)


def test_without_the_folder_the_tab_is_gone(collection: Collection) -> None:
    titles = ["Explore", "Adapters", "Profile", "Results", "Methods", "Learn"]
    assert [tab.title for tab in find_tabs()] == titles
    page = _page(collection)
    assert _titles(page) == titles
    assert "first-chapter" not in _ids(page)
