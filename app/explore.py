"""The Explore tab: its layout and its wiring."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import gradio as gr

from analysis.collection import Collection
from analysis.weights import NORMALISATIONS
from app import answers, controls, exports, first, grids, links, look, views
from app.asking import Asker
from app.examples import load_examples
from app.loader import Loader
from app.looking import Looker
from app.panels import encode, panel
from app.probing import probe
from app.session import Session
from app.text import listed

TITLE = "Explore"

_WELCOME = "Ask a question to see which adapter speaks at which layer."
_CHOOSE = "Click a cell of the grid, or walk to one with the arrow keys."
# The rows of all visitors take turns in one engine: a few at a time are served at once.
_VISITORS = 4
# Panels take only what differs from before: a file taken twice gets another number.
_NUMBERS = itertools.count(1)


def build(collection: Collection, loader: Loader, page: gr.Blocks) -> None:
    """Lays out the tab and wires it, inside the page's `gr.Blocks`."""
    labels = views.labels_of(collection)
    looker = Looker(loader, labels)
    asker = Asker(loader, labels, looker)
    begun, stored = _begun(looker, first.load(collection))
    session = gr.State(begun)
    examples = load_examples()
    fields = controls.fields(collection)

    with gr.Row(elem_classes="ask"):
        query = gr.Textbox(
            begun.picture.query if begun.picture else "",
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
    prompt = panel("prompt", stored.get("prompt", views.prompt(None)), elem_id="prompt")
    with gr.Row(elem_classes="workspace"):
        with gr.Column(elem_classes="controls", scale=0, min_width=232):
            given = controls.build(collection)
        with gr.Column(elem_classes="main", scale=1, min_width=280):
            grid = panel(
                "grid",
                stored.get("grid", grids.empty(_WELCOME)),
                events=("cell", "paint"),
                elem_id="grid",
            )
            profile = panel("profile", stored.get("profile", grids.no_profile()), elem_id="profile")
            every = gr.Button("Look at every token", size="sm", elem_id="every", interactive=False)
            tokens = panel("profile", grids.no_profile(), elem_id="tokens")
            with gr.Accordion("Is it real?", open=False, elem_classes="real"):
                lines = gr.Textbox(
                    label="Variants of the question, one a line",
                    placeholder="Left empty, small changes of spelling and white space are tried.",
                    lines=3,
                    max_lines=8,
                    elem_id="variants",
                )
                check = gr.Button("Check", size="sm", elem_id="check", interactive=False)
                spread = panel("profile", grids.no_profile(), elem_id="spread")
        with gr.Column(elem_classes="aside", scale=0, min_width=300):
            pin = gr.Button("Pin this run", size="sm", elem_id="pin", interactive=bool(stored))
            why = panel("why", stored.get("why", views.no_cell(_CHOOSE)), elem_id="why")
    sheet = panel("answers", stored.get("answers", answers.empty()), elem_id="answers")
    taken = panel("take", _taken(bool(stored)), events=("take",), elem_id="take")

    parts = {
        "status": status,
        "prompt": prompt,
        "grid": grid,
        "profile": profile,
        "why": why,
        "tokens": tokens,
        "spread": spread,
        "answers": sheet,
        "take": taken,
    }
    acts = [pin, every, check]
    seen = [status, grid, profile, why, tokens, *acts, taken]

    def updates(changes: dict[str, Any]) -> dict[gr.Component, Any]:
        made: dict[gr.Component, Any] = {
            parts[name]: encode(value) for name, value in changes.items() if name in parts
        }
        if "profile" in changes:
            made[pin] = gr.Button(interactive=True)
            made[every] = gr.Button(interactive=not changes["grid"]["tag"])
            made[check] = gr.Button(interactive=not changes["grid"]["tag"])
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

        link = links.encode(fields, [query, adapters, *values])
        for changes in asker.ask(session, query, adapters, seen_as, asking):
            if "grid" in changes:
                changes["take"] = _taken(True, link)
            yield updates(changes)

    def on_every(session: Session, *values: Any) -> Iterator[dict[gr.Component, Any]]:
        for changes in asker.every_token(session, controls.look_of(*values)):
            yield updates(changes)

    def on_check(session: Session, lines: str, *values: Any) -> Iterator[dict[gr.Component, Any]]:
        for changes in probe(loader, session, controls.look_of(*values), lines):
            yield updates(changes)

    def on_linked(session: Session, *values: Any) -> Iterator[dict[gr.Component, Any]]:
        if session.linked:
            session.linked = False
            yield from on_ask(session, *values)
        else:
            yield gr.skip()  # a generator without a step would empty its outputs

    def on_load(session: Session, request: gr.Request) -> dict[Any, Any]:
        given_link = dict(request.query_params)
        settings, unusable = links.decode(fields, given_link)
        restored: dict[Any, Any] = {}
        if any(field.key in given_link for field in fields):
            session.linked = bool(settings[0].strip())
            restored = dict(zip(restorable, settings, strict=True))
            restored[given.what_if] = gr.Group(visible=settings[3] == "what-if")
        if unusable:
            said = f"The link's {listed(unusable)} cannot be used here and was left out."
            restored[status] = encode(views.status("idle", said))
        return restored or gr.skip()

    def on_take(session: Session, event: gr.EventData) -> str:
        if session.picture is None or event.kind not in exports.KINDS:
            return encode(_taken(session.picture is not None))
        file = exports.take(event.kind, collection, session.picture, session.sheet)
        return encode(_taken(True) | {"file": file, "number": next(_NUMBERS)})

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
        return updates(looker.select(session, int(event.layer), int(event.adapter))) or gr.skip()

    def on_paint(
        session: Session, weight: float, scope: str, event: gr.EventData
    ) -> dict[gr.Component, Any]:
        layer, adapter = int(event.layer), int(event.adapter)
        return updates(looker.paint(session, layer, adapter, float(weight), scope)) or gr.skip()

    def on_unpaint(session: Session) -> dict[gr.Component, Any]:
        return updates(looker.unpaint(session)) or gr.skip()

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

    restorable = [query, given.adapters, *given.look, *given.asking]
    quick: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_id": "look",
        "concurrency_limit": _VISITORS,
    }
    asking: dict[str, Any] = {
        "fn": on_ask,
        "inputs": [session, *restorable],
        "outputs": [*parts.values(), ask, stop, *acts],
        "show_progress": "hidden",
        "concurrency_id": "model",
        "concurrency_limit": _VISITORS,
    }
    ask.click(**asking)
    query.submit(**asking)
    given.hear.click(**asking)
    check.click(**asking | {"fn": on_check, "inputs": [session, lines, *given.look]})
    every.click(**asking | {"fn": on_every, "inputs": [session, *given.look]})
    chips.chip(on_chip, None, query, show_progress="hidden", queue=False).then(**asking)
    loaded = page.load(
        on_load, session, [*restorable, given.what_if, status], show_progress="hidden", queue=False
    )
    loaded.then(**asking | {"fn": on_linked})
    taken.take(on_take, session, taken, **quick)
    stop.click(Session.stop, session, None, show_progress="hidden", queue=False)
    looked = [*seen, given.what_if, given.look[-1]]
    for control in given.look:
        listen = control.release if isinstance(control, gr.Slider) else control.input
        listen(on_look, [session, *given.look], looked, **quick)
    # The panel sends one cell at a time; every stroke of the brush counts.
    grid.cell(on_cell, session, [why, tokens], **quick | {"trigger_mode": "multiple"})
    strokes = quick | {"trigger_mode": "multiple", "concurrency_id": "paint"}
    grid.paint(on_paint, [session, *given.brush], grid, **strokes | {"concurrency_limit": 1})
    given.reset.click(on_unpaint, session, seen, **quick)
    pin.click(on_pin, [session, given.show, *given.look], [*seen, given.show], **quick)


def _begun(looker: Looker, example: first.First | None) -> tuple[Session, dict[str, Any]]:
    """A new visitor's session, and what its page shows: the stored example, if there is one."""
    session = Session()
    if example is None:
        return session, {}
    session.show(example.picture)
    shown = looker.shown(session)
    return session, {**shown, "prompt": example.prompt, "answers": example.answers}


def _taken(ready: bool, link: str | None = None) -> dict[str, Any]:
    """What the panel of files shows; a link of None leaves the address as it is."""
    return {"ready": ready, "link": link, "file": None}
