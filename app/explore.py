"""The Explore tab: its layout and its wiring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from analysis.collection import Collection
from analysis.weights import NORMALISATIONS
from app import answers, controls, grids, look, views
from app.asking import Asker
from app.examples import load_examples
from app.loader import Loader
from app.looking import Looker
from app.panels import encode, panel
from app.session import Session

TITLE = "Explore"

_WELCOME = "Ask a question to see which adapter speaks at which layer."
_CHOOSE = "Click a cell of the grid, or walk to one with the arrow keys."
# The rows of all visitors take turns in one engine: a few at a time are served at once.
_VISITORS = 4


def build(collection: Collection, loader: Loader) -> None:
    """Lays out the tab and wires it, inside the page's `gr.Blocks`."""
    labels = views.labels_of(collection)
    looker = Looker(loader, labels)
    asker = Asker(loader, labels, looker)
    session = gr.State(Session())
    examples = load_examples()

    with gr.Row(elem_classes="ask"):
        query = gr.Textbox(
            label="Query",
            placeholder="Ask something that needs two adapters at once",
            lines=1,
            max_lines=8,
            elem_id="query",
            scale=1,
        )
        ask = gr.Button("Ask", variant="primary", elem_id="ask", scale=0, min_width=96)
        stop = gr.Button("Stop", interactive=False, elem_id="stop", scale=0, min_width=96)
    chips = panel("chips", [vars(example) for example in examples], events=("chip",))
    status = panel("status", views.status("idle", ""), elem_id="status")
    prompt = panel("prompt", views.prompt(None), elem_id="prompt")
    with gr.Row(elem_classes="workspace"):
        with gr.Column(elem_classes="controls", scale=0, min_width=232):
            given = controls.build(collection)
        with gr.Column(elem_classes="main", scale=1, min_width=280):
            grid = panel("grid", grids.empty(_WELCOME), events=("cell", "paint"), elem_id="grid")
            profile = panel("profile", grids.no_profile(), elem_id="profile")
        with gr.Column(elem_classes="aside", scale=0, min_width=300):
            pin = gr.Button("Pin this run", size="sm", elem_id="pin", interactive=False)
            why = panel("why", views.no_cell(_CHOOSE), elem_id="why")
    sheet = panel("answers", answers.empty(), elem_id="answers")

    parts = {
        "status": status,
        "prompt": prompt,
        "grid": grid,
        "profile": profile,
        "why": why,
        "answers": sheet,
    }
    seen = [status, grid, profile, why, pin]

    def updates(changes: dict[str, Any]) -> dict[gr.Component, Any]:
        made: dict[gr.Component, Any] = {
            parts[name]: encode(value) for name, value in changes.items() if name in parts
        }
        if "profile" in changes:
            made[pin] = gr.Button(interactive=True)
        if "busy" in changes:
            made[stop] = gr.Button(interactive=changes["busy"])
            made[ask] = gr.Button(interactive=not changes["busy"])
        return made

    looks = len(given.look)

    def on_ask(
        session: Session, query: str, adapters: list[str], *values: Any
    ) -> Iterator[dict[gr.Component, Any]]:
        seen_as = controls.look_of(*values[:looks])

        def asking() -> controls.Asking:
            return controls.asking_of(seen_as, *values[looks:])

        for changes in asker.ask(session, query, adapters, seen_as, asking):
            yield updates(changes)

    def on_chip(event: gr.EventData) -> str:
        return examples[int(event.index) % len(examples)].query

    def on_look(session: Session, *values: Any) -> dict[Any, Any]:
        seen_as = controls.look_of(*values)
        tempered = NORMALISATIONS[seen_as.normalisation].tempered
        return {
            **updates(looker.look(session, seen_as)),
            given.what_if: gr.Group(visible=seen_as.show == "what-if"),
            given.look[-1]: gr.Slider(interactive=tempered),
        }

    def on_cell(session: Session, event: gr.EventData) -> dict[gr.Component, Any]:
        return updates(looker.select(session, int(event.layer), int(event.adapter)))

    def on_paint(
        session: Session, weight: float, scope: str, event: gr.EventData
    ) -> dict[gr.Component, Any]:
        layer, adapter = int(event.layer), int(event.adapter)
        return updates(looker.paint(session, layer, adapter, float(weight), scope))

    def on_unpaint(session: Session) -> dict[gr.Component, Any]:
        return updates(looker.unpaint(session))

    def on_pin(session: Session, show: str, *values: Any) -> dict[Any, Any]:
        pinned = session.pinned is None
        shown = "weights" if show == "difference" and not pinned else show
        seen_as = controls.look_of(values[0], shown, *values[2:])
        looker.pin(session)
        return {
            **updates(looker.look(session, seen_as)),
            pin: gr.Button("Let go of the pin" if pinned else "Pin this run"),
            given.show: gr.Radio(look.shown_choices(pinned), value=shown),
        }

    quick: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_id": "look",
        "concurrency_limit": _VISITORS,
    }
    asking: dict[str, Any] = {
        "fn": on_ask,
        "inputs": [session, query, given.adapters, *given.look, *given.asking],
        "outputs": [*parts.values(), ask, stop, pin],
        "show_progress": "hidden",
        "concurrency_id": "model",
        "concurrency_limit": _VISITORS,
    }
    ask.click(**asking)
    query.submit(**asking)
    given.hear.click(**asking)
    chips.chip(on_chip, None, query, show_progress="hidden", queue=False).then(**asking)
    stop.click(Session.stop, session, None, show_progress="hidden", queue=False)
    looked = [*seen, given.what_if, given.look[-1]]
    for control in given.look:
        listen = control.release if isinstance(control, gr.Slider) else control.input
        listen(on_look, [session, *given.look], looked, **quick)
    # The panel sends one cell at a time; every stroke of the brush counts.
    grid.cell(on_cell, session, why, **quick | {"trigger_mode": "multiple"})
    strokes = quick | {"trigger_mode": "multiple", "concurrency_id": "paint"}
    grid.paint(on_paint, [session, *given.brush], grid, **strokes | {"concurrency_limit": 1})
    given.reset.click(on_unpaint, session, seen, **quick)
    pin.click(on_pin, [session, given.show, *given.look], [*seen, given.show], **quick)
