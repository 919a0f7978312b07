"""The first paint: plain markup in the page's document."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from analysis.models.manifest import load_collection
from app import first_paint
from app.first_paint import FirstPaint
from app.state import stored_example
from app.widgets import colours

ACTS = '<script>document.title=1</script>"&'


def _stored() -> stored_example.StoredExample:
    stored = stored_example.load(load_collection())
    assert stored is not None
    return stored


def test_it_shows_every_number_of_the_stored_example() -> None:
    stored = _stored()
    markup = first_paint.markup(load_collection(), stored, ["Explore"])
    for row in stored.snapshot.weights:
        for weight in row:
            assert f">{weight:.2f}</i>" in markup
    assert "stored example" in markup
    assert not re.search(r"(src|href)=|url\(|https?:", markup), "it needs nothing else"


def test_all_text_is_escaped() -> None:
    stored = _stored()
    labels = (ACTS, *stored.snapshot.labels[1:])
    hostile = replace(stored, snapshot=replace(stored.snapshot, query=ACTS, labels=labels))
    markup = first_paint.markup(replace(load_collection(), title=ACTS), hostile, [ACTS])
    assert "<script>document" not in markup
    assert markup.count("&lt;script&gt;document.title=1&lt;/script&gt;") >= 5


def _get(path: str, method: str = "GET", kind: str = "http") -> tuple[dict[bytes, bytes], bytes]:
    page = b"<body><gradio-app></gradio-app></body>"

    async def served(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", str(len(page)).encode()), (b"x-own", b"kept")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:9], "more_body": True})
        await send({"type": "http.response.body", "body": page[9:]})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {"type": kind, "method": method, "path": path, "root_path": ""}
    # In a thread of its own: where browser tests ran before, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, FirstPaint(served, "<i>é</i>")(scope, receive, send)).result()
    headers = dict(sent[0]["headers"])
    return headers, b"".join(message["body"] for message in sent[1:])


def test_it_stands_before_the_page_in_the_document() -> None:
    headers, body = _get("/")
    assert body == "<body><i>é</i><gradio-app></gradio-app></body>".encode()
    assert headers == {b"content-length": str(len(body)).encode(), b"x-own": b"kept"}


@pytest.mark.parametrize(("path", "method"), [("/config", "GET"), ("/", "HEAD"), ("//x", "GET")])
def test_nothing_else_is_touched(path: str, method: str) -> None:
    _, body = _get(path, method)
    assert body == b"<body><gradio-app></gradio-app></body>"


def test_colours_are_mixed_between_the_marks_of_a_scale() -> None:
    scale = [(0.0, "#000000"), (0.5, "#6480c8"), (1.0, "#ffffff")]
    assert colours.colour(scale, 0.0) == "#000000"
    assert colours.colour(scale, 0.25) == "#324064"
    assert colours.colour(scale, 0.5) == "#6480c8"
    assert colours.colour(scale, 1.0) == "#ffffff"
    assert colours.colour(scale, 7.0) == "#ffffff"


@pytest.mark.parametrize("name", colours.SCALES)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_ink_can_be_read_on_every_colour_of_every_scale(name: str, mode: str) -> None:
    for step in range(101):
        colour = colours.colour(colours.SCALES[name][mode], step / 100)
        assert colours.contrast(colours.ink(colour), colour) >= 4.5
