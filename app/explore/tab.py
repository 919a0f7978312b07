"""The Explore tab: what happens when somebody does something."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from analysis.models.manifest import Collection
from app.explore import button_reasons, controls, layout
from app.explore.permalinks import Permalinks
from app.explore.query_service import QueryService
from app.explore.robustness_service import copy, probe
from app.explore.view_service import ViewService
from app.export import files
from app.server.loader import Loader
from app.server.request_queue import SERVED, WAITING, RequestQueue
from app.server.requests import Updates
from app.state import link_fields, stored_example, view_settings
from app.state.examples import load_examples
from app.state.run import AnswerSettings
from app.state.session import Session
from app.state.view_settings import ViewSettings
from app.views.files_view import files_view
from app.widgets.labels import labels_of
from app.widgets.panels import encode

TITLE = "Explore"

# Panels take only what differs from before: a file taken twice gets another number.
_NUMBERS = itertools.count(1)
# The button that chooses all adapters hides once they are: the focus must not go with it.
_FOCUS_ADAPTERS = "() => { document.querySelector('#adapters input').focus(); return []; }"
_Changes = dict[Any, Any]


def build(collection: Collection, loader: Loader, page: gr.Blocks) -> None:
    """Lays out the tab and wires it, inside the page's `gr.Blocks`."""
    labels, request_queue = labels_of(collection), RequestQueue()
    example = stored_example.load(collection)
    view_service = ViewService(loader, labels, example)
    query_service = QueryService(loader, request_queue, labels, view_service)
    permalinks = Permalinks(collection, view_service)
    begun, stored = _begun(collection, view_service, permalinks, example)
    session = gr.State(begun)
    examples = load_examples(collection)
    asked = begun.snapshot.query if begun.snapshot else ""
    parts = layout.build(collection, examples, asked, stored, button_reasons.reasons(begun))
    panels, buttons, given = parts.panels, parts.buttons, parts.controls
    restorable = [parts.query, given.adapters, *given.view_settings, *given.answer_settings]

    def updates(session: Session, changes: dict[str, Any]) -> _Changes:
        if "grid" in changes:
            changes["take"] = permalinks.of(session)
        made: _Changes = {
            panels[name]: encode(value) for name, value in changes.items() if name in panels
        }
        if "busy" in changes or "grid" in changes:
            reasons = button_reasons.reasons(session)
            made[panels["hints"]] = encode(button_reasons.view(reasons))
            for name, button in buttons.items():
                made[button] = gr.Button(interactive=name not in reasons)
        return made

    def running(session: Session, steps: Updates) -> Iterator[_Changes]:
        for changes in query_service.then_read_tokens(session, steps):
            yield updates(session, changes)

    def on_ask(
        session: Session, query: str, adapters: list[str], *values: Any, with_shown: bool = False
    ) -> Iterator[_Changes]:
        # In the collection's order, whatever was ticked first.
        chosen = [name for name in labels if name in adapters]
        seen_as = controls.view_settings_of(*values[: controls.LOOKS])

        def asking() -> AnswerSettings:
            return controls.answer_settings_of(seen_as, *values[controls.LOOKS :])

        steps = query_service.ask(session, query, chosen, seen_as, asking, with_shown=with_shown)
        for changes in running(session, steps):
            if panels["grid"] in changes:
                # The stored example can be read in one way, a run in all of them.
                changes |= dict.fromkeys(given.reading, gr.update(interactive=True, info=""))
            yield changes

    def on_answer_shown(session: Session, *values: Any) -> Iterator[_Changes]:
        snapshot = session.snapshot
        if snapshot is None:
            yield gr.skip()
            return
        yield from on_ask(
            session, snapshot.query, list(snapshot.adapters), *values[2:], with_shown=True
        )

    def on_every(session: Session) -> Iterator[_Changes]:
        yield from running(session, query_service.every_token(session))

    def on_read_tokens(session: Session) -> Iterator[_Changes]:
        yield gr.skip()  # a generator without a step would empty its outputs
        yield from running(session, query_service.read_tokens_if_needed(session))

    def on_check(session: Session, lines: str) -> Iterator[_Changes]:
        yield from running(session, probe(loader, request_queue, session, lines))

    def on_copy(session: Session) -> Iterator[_Changes]:
        yield from running(session, copy(loader, request_queue, session))

    def on_linked(session: Session, *values: Any) -> Iterator[_Changes]:
        if session.linked:
            session.linked = False
            yield from on_ask(session, *values)
        else:
            yield gr.skip()

    def opened(session: Session, given_link: Mapping[str, str]) -> _Changes:
        values, changes = permalinks.open(session, given_link)
        restored = dict(zip(restorable, values, strict=False))
        kept = {control: value for control, value in restored.items() if value is not None}
        return {**kept, **updates(session, changes)} or gr.skip()

    def on_load(session: Session, request: gr.Request) -> _Changes:
        return opened(session, request.query_params)

    def on_reopen(session: Session, event: gr.EventData) -> _Changes:
        return opened(session, link_fields.pairs(str(event.link)))

    def on_export(session: Session, event: gr.EventData) -> str:
        if session.snapshot is None or event.kind not in files.KINDS:
            return encode(files_view(session.snapshot is not None))
        file = files.take(event.kind, collection, session, example)
        return encode(files_view(True) | {"file": file, "number": next(_NUMBERS)})

    def on_chip(alone: list[str], event: gr.EventData) -> tuple[str, list[str], list[str]]:
        example = examples[int(event.index) % len(examples)]
        return (
            example.query,
            example.among(list(labels)),
            controls.alone_beside(example, alone, labels),
        )

    def on_view_settings(session: Session, *values: Any) -> Any:
        wanted = controls.view_settings_of(*values)
        # As where somebody only passes through a field: what is shown stays untouched.
        if wanted == session.view_settings:
            return gr.skip()
        return updates(session, view_service.change_settings(session, wanted)) or gr.skip()

    def on_cell(session: Session, event: gr.EventData) -> _Changes:
        changes = view_service.select(session, int(event.layer), int(event.adapter))
        return updates(session, changes) or gr.skip()

    def on_paint(session: Session, weight: float, scope: str, event: gr.EventData) -> _Changes:
        layer, adapter = int(event.layer), int(event.adapter)
        changes = view_service.paint(session, layer, adapter, float(weight), scope)
        return updates(session, changes) or gr.skip()

    def on_unpaint(session: Session) -> _Changes:
        return updates(session, view_service.unpaint(session)) or gr.skip()

    def on_pin(session: Session) -> _Changes:
        changes = updates(session, view_service.pin(session))
        pinned, shown = session.pinned is not None, session.view_settings.show
        return {
            **changes,
            buttons["pin"]: gr.Button("Let go of the pin" if pinned else "Pin this run"),
            given.show: gr.Radio(view_settings.show_choices(pinned), value=shown),
        }

    quick: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_id": "look",
        "concurrency_limit": SERVED,
    }
    seen = [*panels.values(), *buttons.values(), *given.reading]
    asking: dict[str, Any] = {
        "fn": on_ask,
        "inputs": [session, *restorable],
        "outputs": seen,
        "show_progress": "hidden",
        "concurrency_id": "model",
        # The requests stand in a line of their own, which can say how long it is.
        "concurrency_limit": SERVED + WAITING,
        # A newer request ends the one that runs; it must not be dropped for it.
        "trigger_mode": "multiple",
    }
    later = asking | {"inputs": session}
    buttons["ask"].click(**asking)
    parts.query.submit(**asking)
    buttons["hear"].click(**asking | {"fn": on_answer_shown})
    buttons["check"].click(**asking | {"fn": on_check, "inputs": [session, parts.variants]})
    buttons["copy"].click(**later | {"fn": on_copy})
    buttons["every"].click(**later | {"fn": on_every})
    at_once: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    chosen = [parts.query, given.adapters, given.alone]
    parts.chips.chip(on_chip, given.alone, chosen, **at_once).then(**asking)
    given.all.click(lambda: list(labels), None, given.adapters, **at_once, js=_FOCUS_ADAPTERS)
    opening: dict[str, Any] = {
        "inputs": session,
        "outputs": list(dict.fromkeys([*restorable, *seen])),
        **at_once,
    }
    page.load(on_load, **opening).then(**asking | {"fn": on_linked})
    panels["history"].reopen(on_reopen, **opening).then(**asking | {"fn": on_linked})
    panels["take"].take(on_export, session, panels["take"], **quick)
    buttons["stop"].click(Session.stop, session, None, show_progress="hidden", queue=False)
    # One listener for all of them: a look that was wanted later is never overtaken by an older one.
    changed = gr.on(
        given.view_events, on_view_settings, [session, *given.view_settings], seen, **quick
    )
    changed.then(**later | {"fn": on_read_tokens})
    # The panel sends one cell at a time; every stroke of the brush counts.
    each = quick | {"trigger_mode": "multiple"}
    panels["grid"].cell(on_cell, session, [panels["why"], panels["tokens"]], **each)
    strokes = each | {"concurrency_id": "paint", "concurrency_limit": 1}
    panels["grid"].paint(on_paint, [session, *given.brush], seen, **strokes)
    given.reset.click(on_unpaint, session, seen, **quick)
    buttons["pin"].click(on_pin, session, [*seen, given.show], **quick)


def _begun(
    collection: Collection,
    view_service: ViewService,
    permalinks: Permalinks,
    example: stored_example.StoredExample | None,
) -> tuple[Session, dict[str, Any]]:
    """A new visitor's session, and what its page shows: the stored example, if there is one."""
    session = Session(view_settings=ViewSettings(lens=collection.lens))
    if example is None:
        return session, {}
    session.show(example.snapshot)
    shown = {**view_service.shown(session), "take": permalinks.of(session)}
    return session, {**shown, "answers": example.answers}
