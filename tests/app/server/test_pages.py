"""Pages of a server: adapters come and go while requests run, and nobody's answer changes."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.decoding.answers import GrowingAnswer
from analysis.methods import fuse
from analysis.models.adapters import load_adapter
from analysis.models.collection import Base, Collection
from analysis.models.manifest import load_collection, with_adapters
from analysis.models.own_collection import adapter_entry, with_entries
from app.page import build_page
from app.server.pages import MOST_PAGES, Pages
from tests import tiny

QUERIES = [f"How many are {number} and 3?" for number in range(10)]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("pages")
    return load_collection(tiny.tiny_collection(folder, ("spanish", "math", "code")))


@pytest.fixture(scope="module")
def engine(collection: Collection) -> Engine:
    return Engine.load(with_adapters(collection, ["spanish", "math"]))


def answer(engine: Engine, query: str) -> list[str]:
    prompt = engine.prompt(query)
    rows = fuse(["static", "qa-flora"], engine.context(prompt))
    parts = [GrowingAnswer() for _ in rows]
    steps = engine.answer(prompt, rows, new_tokens=8)
    for step in steps:
        for token in step.tokens:
            parts[token.row].push(token)
    return [part.answer(own).text for part, own in zip(parts, steps.policy_weights(), strict=True)]


def test_answers_are_the_same_while_adapters_come_and_go(
    collection: Collection, engine: Engine
) -> None:
    solo = [answer(engine, query) for query in QUERIES]
    fresh = Engine.load(collection)
    wider_solo = [answer(fresh, query) for query in QUERIES[:2]]
    assert solo[:2] != wider_solo
    other = engine.with_collection(with_adapters(collection, ["spanish", "math"]))  # keeps nothing
    begun = threading.Barrier(11)

    def ask(query: str) -> list[str]:
        begun.wait(30)
        return answer(other, query)

    with ThreadPoolExecutor(10) as executor:
        asked = [executor.submit(ask, query) for query in QUERIES]
        begun.wait(30)
        wider = other.with_collection(collection)
        assert wider.adapters == ("spanish", "math", "code")
        narrower = wider.with_collection(with_adapters(collection, ["math"]))
        found_wider = [answer(wider, query) for query in QUERIES[:2]]
        assert [one.result(120) for one in asked] == solo
    assert found_wider == wider_solo
    assert narrower.adapters == ("math",)


def test_an_adapter_that_both_have_is_not_read_again(
    collection: Collection, engine: Engine
) -> None:
    again = engine.with_collection(collection)
    for old, new in zip(engine.loaded, again.loaded, strict=False):
        assert new.factors is old.factors


def test_adapters_that_share_a_name_are_not_confused(
    collection: Collection, engine: Engine, tmp_path: Path
) -> None:
    base = tiny.model("gemma3")
    folder = tiny.write_adapter(tmp_path / "math", base, seed=77)
    (math,) = with_adapters(collection, ["math"]).adapters
    changed = replace(collection, adapters=(replace(math, folder=folder),))
    other = engine.with_collection(changed)
    assert other.loaded[0].factors is not engine.loaded[1].factors
    trace, original = other.trace(QUERIES[0], ["math"]), engine.trace(QUERIES[0], ["math"])
    assert not trace.hidden_RLPD[1].equal(original.hidden_RLPD[1])
    assert trace.hidden_RLPD[0].allclose(original.hidden_RLPD[0], atol=1e-5)


def test_an_adapter_that_was_trained_on_in_its_folder_is_read_again(
    engine: Engine, tmp_path: Path
) -> None:
    base = tiny.model("gemma3")
    folder = tiny.write_adapter(tmp_path / "mine", base, seed=5)
    collection = Collection("mine", "Mine", Base("embedded"), (adapter_entry(str(folder)),), None)
    first = engine.with_collection(collection)
    tiny.write_adapter(folder, base, seed=6)
    second = first.with_collection(collection)
    alone = load_adapter(base, adapter_entry(str(folder)))
    for name, factor in alone.factors.items():
        assert second.loaded[0].factors[name].b_Or.equal(factor.b_Or)
        assert not first.loaded[0].factors[name].b_Or.equal(factor.b_Or)


@pytest.fixture(scope="module")
def served(collection: Collection, engine: Engine) -> Iterator[tuple[Pages, str]]:
    pages = Pages(lambda one, progress, beside: engine, build_page, may_add=True)
    page = pages.first(with_adapters(collection, ["spanish", "math"]))
    demo, options = build_page(pages, page)
    server, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    pages.attach(server)
    page.loader.start()
    assert page.loader.wait(120) is engine
    yield pages, address
    demo.close()


def test_each_collection_has_a_page_at_its_own_address(
    served: tuple[Pages, str], collection: Collection
) -> None:
    pages, address = served
    (first,) = pages.pages
    place = pages.open(collection)
    assert re_key(place, collection)
    assert pages.open(replace(collection)) == place  # the same content, the same page
    assert pages.open(first.collection) == "/"
    loader = next(page.loader for page in pages.pages if page.address == place)
    wider = loader.wait(120)
    assert wider is not None and wider.adapters == ("spanish", "math", "code")
    with urllib.request.urlopen(f"{address.rstrip('/')}{place}", timeout=60) as answer:
        text = answer.read().decode()
    assert "Fusion Lens" in text and place.rstrip("/") in text
    with urllib.request.urlopen(
        f"{address.rstrip('/')}{place}fusion-lens/plotly.js", timeout=60
    ) as answer:
        assert answer.status == 200
    here = [one.here for one in pages.choices(collection) if one.address]
    assert here == [False, True]
    # A link names a collection: its page is found, but none is made of a name alone.
    assert pages.address_of(collection.name) in ("/", place)
    assert pages.address_of("no-such") == "" and len(pages.pages) == 2


def re_key(place: str, collection: Collection) -> bool:
    return place.startswith(f"/collections/{collection.name}-") and place.endswith("/")


def test_a_server_has_room_for_so_many_pages(collection: Collection) -> None:
    pages = Pages(lambda one, progress, beside: pytest.fail("nothing is loaded"))
    for number in range(MOST_PAGES):
        pages.first(replace(collection, name=f"c{number}"))
    with pytest.raises(InputError, match=f"shows {MOST_PAGES} collections already"):
        pages.open(collection)
    alone = Pages(lambda one, progress, beside: pytest.fail("nothing is loaded"))
    with pytest.raises(InputError, match="one collection only"):
        alone.open(collection)
    assert alone.choices(collection) == ()


def test_two_adapters_of_one_name_make_no_collection(collection: Collection) -> None:
    entry = adapter_entry(str(collection.adapters[0].folder))
    with pytest.raises(InputError, match="Two adapters are called 'spanish'"):
        with_entries(collection, [entry])


def test_a_visitor_chooses_a_collection_by_its_name_and_by_no_path(
    collection: Collection, engine: Engine, tmp_path: Path
) -> None:
    other = tiny.tiny_collection(tmp_path, ("math",))
    built: list[Collection] = []
    pages = Pages(lambda *_: engine, lambda pages, page: built.append(page.collection))
    page = pages.first(collection)
    demo, _ = build_page(pages, page)
    pages.attach(FastAPI())
    choose = next(one.fn for one in demo.fns.values() if one.name == "choose_collection")
    for name in (str(other), str(other.parent), "../" * 20 + str(other), "/etc/passwd", "\0"):
        told = json.loads(choose(SimpleNamespace(name=name)))
        assert told["state"] == "failed" and told["text"].startswith(
            "This server has no collection"
        )
        assert told["open"] == "" and not built
    assert json.loads(choose(SimpleNamespace(name=collection.name)))["open"] == "/"
