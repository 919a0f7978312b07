"""Panels: parts of the page that draw their data and react to clicks and keys.

A panel is a `gr.HTML` whose template holds no value: `gr.HTML` evaluates templates as code, so
a panel gets its data as a JSON string. `assets/js` reads it and shows it with `textContent`, or
through Plotly with escaped text.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import plotly
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from app.widgets import colours
from app.widgets.glossary import Term, tips
from app.widgets.words.dictionaries import Dictionary
from app.widgets.words.said import sent

ASSETS = Path(__file__).resolve().parents[2] / "assets"
CSS = ASSETS / "css" / "page.css"
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_PLOTLY_ADDRESS = "fusion-lens/plotly.js"
_WORDS_ADDRESS = "fusion-lens/words"
# Their addresses name the content, so browsers may keep them.
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
_FIRST = ("core.js", "words.js", "tips.js", "terms.js")


def panel(kind: str, value: object, *, events: tuple[str, ...] = (), **options: Any) -> gr.HTML:
    """A panel.

    Args:
        kind: Its name in `assets/js`.
        value: Its first content, a frozen dataclass or plain data.
        events: Names of the events it triggers; listeners are methods of these names.
        options: Passed on to `gr.HTML`.
    """
    # Gradio finds a panel's events by their quoted names in its script.
    names = ", ".join(f"'{event}'" for event in events)
    return gr.HTML(
        encode(value),
        html_template='<div class="fl-panel"></div>',
        js_on_load=f"FusionLens.mount('{kind}', element, props, trigger, watch, [{names}])",
        apply_default_css=False,
        elem_classes=["fl", f"fl-{kind}"],
        **options,
    )


def fill(panel: gr.HTML, value: object) -> None:
    """Gives a panel its first content."""
    panel.value = encode(value)


def encode(value: object) -> str:
    """The content of a panel as JSON.

    Args:
        value: Plain data; frozen dataclasses become objects with their fields.
    """
    text = json.dumps(sent(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Gradio puts the data into markup, so nothing in it may look like "</script>".
    return text.replace("<", "\\u003c")


def routes(dictionaries: Mapping[str, Dictionary] | None = None) -> list[Route]:
    """The routes that the panels need: Plotly's script, and the words of other languages.

    Args:
        dictionaries: The page's words in other languages than English, by the language's code.
    """
    # Compressed once, while the server starts: Gradio would compress it for every visitor, and
    # other requests would wait for that.
    executor = ThreadPoolExecutor(1)
    compressed = executor.submit(lambda: gzip.compress(_PLOTLY.read_bytes(), 6))
    executor.shutdown(wait=False)

    async def plotly_script(request: Request) -> Response:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return FileResponse(_PLOTLY, media_type="text/javascript", headers=_KEPT)
        body = await asyncio.wrap_future(compressed)
        return Response(
            body, headers=_KEPT | {"Content-Encoding": "gzip"}, media_type="text/javascript"
        )

    return [
        Route(f"/{_PLOTLY_ADDRESS}", plotly_script),
        *(_words_route(code, one) for code, one in (dictionaries or {}).items()),
    ]


def _words_route(code: str, dictionary: Dictionary) -> Route:
    """The words of a language, which the page asks for when a visitor speaks it."""
    plain = encode(dictionary).encode()
    packed = gzip.compress(plain)

    def words(request: Request) -> Response:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(plain, headers=_KEPT, media_type="application/json")
        headers = _KEPT | {"Content-Encoding": "gzip"}
        return Response(packed, headers=headers, media_type="application/json")

    return Route(f"/{_WORDS_ADDRESS}/{code}.json", words)


def styles() -> list[Path]:
    """The style sheets of the page; the page's own comes first."""
    return sorted(CSS.parent.glob("*.css"), key=lambda path: (path != CSS, path))


def _languages(dictionaries: Mapping[str, Dictionary]) -> dict[str, dict[str, str]]:
    """The own name of each language, and the address of its words."""
    found = {}
    for code, one in dictionaries.items():
        digest = hashlib.sha256(encode(one).encode()).hexdigest()[:12]
        found[code] = {"name": one.language, "words": f"{_WORDS_ADDRESS}/{code}.json?{digest}"}
    return found


def head(glossary: Mapping[str, Term], dictionaries: Mapping[str, Dictionary]) -> str:
    """The scripts of the panels, for the page's head.

    They are inline, because only an inline script has certainly run before the panels mount.

    Args:
        glossary: The terms that explain themselves.
        dictionaries: The page's words in other languages than English, by the language's code.
    """
    # The other scripts use these, and the terms need both.
    first = [ASSETS / "js" / "page" / name for name in _FIRST]
    others = (path for path in (ASSETS / "js").rglob("*.js") if path not in first)
    paths = [*first, *sorted(others, key=lambda path: path.name)]
    core, *scripts = (path.read_text(encoding="utf-8") for path in paths)
    terms = (
        f"FusionLens.glossary = {encode(tips(glossary))};\n"
        f"FusionLens.languages = {encode(_languages(dictionaries))};"
    )
    script = "\n".join((core, terms, *scripts))
    return (
        f"<style>{colours.adapter_colours()}</style>\n<script>{script}</script>\n"
        f'<script async src="{_PLOTLY_ADDRESS}?{plotly.__version__}" id="fl-plotly"></script>'
    )
