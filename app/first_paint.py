"""The first paint: the stored example as plain markup, shown before the page's scripts have run.

Gradio's page shows nothing until its scripts have run, which takes a browser some seconds. The
first paint shows the same numbers in the same places. `assets/js/explore/grid.js` removes it once
the grid is drawn.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from analysis.models.collection import Collection
from app.explore.layout import FOLDED_CONTROLS
from app.state.answer import Verdict
from app.state.examples import example_of, load_examples
from app.state.stored_example import StoredExample
from app.views.grid import grid_views
from app.views.grid.explanation_panel import explanation_panel
from app.views.grid.grid_panel import GridPanel, grid_panel
from app.views.intro_panel import intro_panel
from app.views.masthead_panel import brief_title
from app.widgets import colours, text
from app.widgets.panels import ASSETS, CSS

_STYLES = (
    CSS,
    CSS.with_name("answers.css"),
    CSS.with_name("explore.css"),
    ASSETS / "first_paint" / "first_paint.css",
)
_SCRIPT = ASSETS / "first_paint" / "first_paint.js"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def markup(collection: Collection, example: StoredExample, tabs: Sequence[str]) -> str:
    """The markup of the first paint.

    Args:
        collection: The collection of the page.
        example: Its stored example.
        tabs: The titles of the tabs.
    """
    snapshot = example.snapshot
    layer, adapter = snapshot.strongest()
    grid_view = grid_views.grid_view(snapshot)
    grid = grid_panel(grid_view, (layer, adapter), stored=True)
    explanation = explanation_panel(grid_view, layer, adapter, None)
    offered = load_examples(collection)
    examples = "".join(
        f'<span class="example">{_safe(question.label)}</span>' for question in offered
    )
    asked = example_of(offered, snapshot.query)
    gloss = (
        f'<p class="gloss">In English: {_safe(asked.gloss)}</p>' if asked and asked.gloss else ""
    )
    steps = "".join(f'<p class="step mono">{_safe(step)}</p>' for step in explanation.arithmetic)
    adapters = "".join(
        f"<li>{_dot(snapshot.place(place))}{_safe(label)}</li>"
        for place, label in enumerate(snapshot.labels)
    )
    brief = brief_title(collection.title)
    titles = "".join(f"<span>{_safe(title)}</span>" for title in tabs)
    styles = "".join(path.read_text(encoding="utf-8") for path in _STYLES)
    # Hidden from screen readers: the page replaces it while they would read it.
    return f"""<div id="first-paint" aria-hidden="true" inert>
<style>{colours.adapter_colours()}{styles}</style>
<div class="page">
<div class="fl fl-masthead"><div class="fl-panel"><h1>Fusion Lens</h1>
<div class="model"><span class="dot"></span><span class="name">{_safe(brief)}</span>
<span class="state"><span class="step">opening the page</span></span></div>
<span class="language">EN</span><span class="theme tour">Tour</span>
<span class="theme">?</span>
<span class="theme">◐</span></div></div>
<div class="tabs">{titles}</div>
<div class="question"><div class="query" dir="auto">{_safe(snapshot.query)}</div>
<span class="button primary">Ask</span>
<span class="button">Stop</span></div>
<div class="fl fl-examples"><div class="fl-panel"><div class="list">{examples}</div>
{gloss}</div></div>
<div class="fl fl-answers"><div class="fl-panel">
<div class="cards">{_cards(example)}</div></div></div>
<div class="columns">{_intro()}<div class="left"><p class="folded">▸ {_safe(FOLDED_CONTROLS)}</p>
<b>Adapters</b><ul>{adapters}</ul></div>
<div class="fl fl-grid"><div class="fl-panel"><div class="bar"><h2>{_safe(grid.title)}</h2>
<span class="tag">{_safe(grid.tag)}</span></div>
<p class="lead"><span class="sentence">{_safe(grid.sentence)}</span> {_safe(grid.caveat)}</p>
{_cells(grid)}</div></div>
<div class="fl fl-explanation"><div class="fl-panel"><h2>Why this cell?</h2><div class="body">
<p class="cell">{_safe(explanation.title)}</p>{steps}</div></div></div></div></div>
<script>{_SCRIPT.read_text(encoding="utf-8")}</script></div>
"""


def _intro() -> str:
    """The introduction; a script takes it away where the visitor has closed it."""
    intro = intro_panel()
    picture = intro.picture.replace(' xmlns="http://www.w3.org/2000/svg"', "")
    sentences = "".join(f"<p>{_safe(sentence)}</p>" for sentence in intro.sentences)
    return (
        f'<div class="fl fl-intro"><div class="fl-panel"><div class="picture">{picture}</div>'
        f'<div class="sentences">{sentences}</div><div class="actions">'
        f'<a>{_safe(intro.paper_label)}</a><span class="method">{_safe(intro.method_label)}</span>'
        f'<span class="tour">{_safe(str(intro.tour["en"]["start"]))}</span>'
        '<span class="close">Got it</span></div></div></div>'
    )


def _dot(place: int) -> str:
    """A dot in the colour of an adapter, by its place in the collection."""
    return f'<span class="dot" style="--own:var(--adapter-{colours.colour_number(place)})"></span>'


def _cards(example: StoredExample) -> str:
    """The answers, in the places where the page has them."""
    cards = ""
    for card in example.answers.rows:
        dot = "" if card.colour is None else _dot(card.colour)
        cards += (
            f'<article class="card" data-row="{_safe(card.name)}"><header><h3>{dot}'
            f"<span>{_safe(card.label)}</span></h3></header>"
            f'<div class="text" dir="auto">{_lines(card.text)}</div>'
            f'<footer><div class="said">{_verdict(card.verdict)}'
            f'<span class="facts">{_safe(card.facts)}</span></div></footer></article>'
        )
    return cards


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    right, mark = ("1", "✓") if verdict.right else ("", "✗")
    return f'<span class="verdict" data-right="{right}">{mark} {_safe(verdict.text)}</span>'


def _lines(given: str) -> str:
    return "\n".join(_safe(line) for line in given.split("\n"))


def _cells(grid: GridPanel) -> str:
    """The grid's figure as elements, in the places where Plotly draws it."""
    data, layout = grid.figure["data"], grid.figure["layout"]
    heatmaps = [trace for trace in data if trace["type"] == "heatmap"]
    heads = "".join(
        f'<b>{_dot(number)} <span class="wide">{wide}</span>'
        f'<span class="narrow">{narrow}</span></b>'
        for number, wide, narrow in zip(
            layout["meta"]["dots"],
            layout["xaxis"]["ticktext"],
            layout["meta"]["narrow"],
            strict=True,
        )
    )
    grey = len(heatmaps) > 1
    rows = ""
    for row, (layer, texts) in enumerate(zip(data[0]["y"], grid.cells, strict=True)):
        cells = ""
        for column, written in enumerate(texts):
            value, scale = next(
                (trace["z"][row][column], trace["meta"]["colours"])
                for trace in heatmaps
                if trace["z"][row][column] is not None
            )
            light, dark = (colours.colour(scale[mode], value) for mode in ("light", "dark"))
            inks = ";".join(
                f"--{mode}-ink:{colours.ink(colour)}"
                for mode, colour in (("l", light), ("d", dark))
            )
            hatched = ' class="grey"' if grey and heatmaps[1]["z"][row][column] is not None else ""
            cells += f'<i{hatched} style="--l:{light};--d:{dark};{inks}">{_safe(written)}</i>'
        rows += f"<div><em>{layer}</em>{cells}</div>"
    count = len(grid.columns)
    size = f"--k:{count};--rows:{grid.layers}"
    return f'<div class="cells" style="{size}"><div>{heads}</div>{rows}</div>'


def _safe(given: str) -> str:
    return html.escape(text.plain(given))


class FirstPaint:
    """Middleware that puts the first paint into the page's document.

    Args:
        app: The application that serves the page.
        view: From `markup`.
    """

    def __init__(self, app: App, view: str) -> None:
        self._app = app
        self._view = view.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves a request; only the page's own document is changed."""
        root = str(scope.get("root_path", ""))
        path = str(scope.get("path", "")).removeprefix(root)
        if scope["type"] != "http" or scope["method"] != "GET" or path not in ("", "/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.append(message.get("body", b""))
            if not message.get("more_body"):
                page = b"".join(body).replace(b"<gradio-app", self._view + b"<gradio-app", 1)
                headers = [
                    header for header in start["headers"] if header[0].lower() != b"content-length"
                ]
                start["headers"] = [*headers, (b"content-length", str(len(page)).encode())]
                await send(start)
                await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, hold)
