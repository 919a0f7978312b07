"""Panels: parts of the page that draw themselves from data and answer clicks and keys.

A panel is a `gr.HTML` whose template holds no value: `gr.HTML` evaluates templates as code, so
data only ever reaches a panel as a JSON string that `assets/js` reads and shows with `textContent`
or through Plotly with escaped text.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import plotly
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

ASSETS = Path(__file__).resolve().parents[2] / "assets"
CSS = ASSETS / "css" / "page.css"
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_PLOTLY_ADDRESS = "fusion-lens/plotly.js"


def panel(kind: str, value: object, *, events: tuple[str, ...] = (), **options: Any) -> gr.HTML:
    """A panel.

    Args:
        kind: What `assets/js` defines it as.
        value: Its first content.
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


def encode(value: object) -> str:
    """Data as a panel takes it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # As in "</script>": nothing in the data may look like markup, wherever Gradio puts it.
    return text.replace("<", "\\u003c")


def routes() -> list[Route]:
    """What the server has to serve for the panels: Plotly, as its own package brings it."""
    # Packed once, while the server starts: Gradio would do it for every visitor, and let all their
    # other requests wait for it.
    with_one = ThreadPoolExecutor(1)
    packed = with_one.submit(lambda: gzip.compress(_PLOTLY.read_bytes(), 6))
    with_one.shutdown(wait=False)

    async def plotly_script(request: Request) -> Response:
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return FileResponse(_PLOTLY, media_type="text/javascript", headers=headers)
        body = await asyncio.wrap_future(packed)
        return Response(
            body, headers=headers | {"Content-Encoding": "gzip"}, media_type="text/javascript"
        )

    return [Route(f"/{_PLOTLY_ADDRESS}", plotly_script)]


def head() -> str:
    """What the page's head needs for the panels.

    The page adds its head by script, where only an inline script is sure to have run before the
    panels mount.
    """
    # core.js defines what the others use, so it comes first.
    paths = sorted((ASSETS / "js").glob("*.js"), key=lambda path: (path.name != "core.js", path))
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return (
        f"<script>{scripts}</script>\n"
        f'<script async src="{_PLOTLY_ADDRESS}?{plotly.__version__}" id="fl-plotly"></script>'
    )
