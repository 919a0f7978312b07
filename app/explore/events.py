"""Connects the events of the Explore tab with their handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.explore.handlers import Handlers
from app.server.request_queue import SERVED, WAITING

# The focus must not stay on this button, which hides once all adapters are selected.
_FOCUS_ADAPTERS = "() => { document.querySelector('#adapters input').focus(); return []; }"

_AT_ONCE: dict[str, Any] = {"show_progress": "hidden", "queue": False}
_VIEW: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "view",
    "concurrency_limit": SERVED,
}
_CELL: dict[str, Any] = {
    "show_progress": "hidden",
    # The grid sends one cell at a time, and no stroke of the brush may be dropped.
    "trigger_mode": "multiple",
    # The brush does not wait for other visitors' views, which may read whole layers.
    "concurrency_id": "cell",
    "concurrency_limit": SERVED,
}
_REQUEST: dict[str, Any] = {
    "show_progress": "hidden",
    "concurrency_id": "request",
    # Requests wait in a queue of the page's own, which knows their positions.
    "concurrency_limit": SERVED + WAITING,
    # A newer request ends the running one, so Gradio must not drop it.
    "trigger_mode": "multiple",
}


def connect(handlers: Handlers) -> None:
    """Connects all events.

    Args:
        handlers: The listeners, and the layout that they belong to.
    """
    layout, page = handlers.layout, handlers.context.page
    controls, panels, buttons = layout.controls, layout.panels, layout.buttons
    session, outputs = handlers.context.session, handlers.page.outputs
    question = {session, *controls.of("question", "view", "answers")}

    def request(listener: Callable[..., Any], *inputs: Any) -> dict[str, Any]:
        return {"fn": listener, "inputs": {session, *inputs}, "outputs": outputs, **_REQUEST}

    # Questions
    ask = request(handlers.ask, *question)
    buttons["ask"].click(**ask)
    controls["query"].submit(**ask)  # type: ignore[attr-defined]
    buttons["answer-shown"].click(**request(handlers.answer_shown, *question))
    panels["answers"].again(**request(handlers.answer_again, *question))
    buttons["every-token"].click(**request(handlers.read_every_token))
    buttons["check-variants"].click(**request(handlers.check_variants, *controls.of("check")))
    buttons["check-copies"].click(**request(handlers.check_copies))
    buttons["stop"].click(handlers.stop, {session}, None, **_AT_ONCE)

    # Examples, permalinks and history
    chosen = [controls[name] for name in ("query", "adapters", "alone")] + [panels["status"]]
    layout.examples.example(
        handlers.choose_example, {session, controls["alone"]}, chosen, **_AT_ONCE
    ).then(**ask)
    layout.all_adapters.click(
        handlers.select_all_adapters, None, controls["adapters"], js=_FOCUS_ADAPTERS, **_AT_ONCE
    )
    restored = list(dict.fromkeys([*controls.linked.values(), *outputs]))
    ask_linked = request(handlers.ask_linked, *question)
    page.load(handlers.open_page, {session}, restored, **_AT_ONCE).then(**ask_linked)
    panels["history"].reopen(handlers.reopen_run, {session}, restored, **_AT_ONCE).then(
        **ask_linked
    )

    # Views. One listener for all view settings: an older change never overtakes a newer one.
    gr.on(
        controls.view_events,
        handlers.change_view,
        {session, *controls.of("view")},
        outputs,
        **_VIEW,
    ).then(**request(handlers.read_tokens_if_needed))
    status = panels["status"]
    panels["grid"].cell(
        handlers.select_cell,
        {session},
        [panels["explanation"], panels["tokens"], panels["export"], status],
        **_CELL,
    )
    panels["grid"].paint(
        handlers.paint_cell,
        {session, *controls.of("what-if")},
        outputs,
        **_CELL,
    )
    panels["grid"].preset(handlers.paint_preset, {session}, outputs, **_VIEW)
    panels["grid"].undo(handlers.undo_painting, {session}, outputs, **_VIEW)
    layout.undo_painting.click(handlers.undo_painting, {session}, outputs, **_VIEW)
    layout.reset_painting.click(handlers.reset_painting, {session}, outputs, **_VIEW)
    buttons["pin"].click(handlers.pin, {session}, [*outputs, controls["show"]], **_VIEW)
    panels["export"].export(handlers.export, {session}, [panels["export"], status], **_VIEW)
