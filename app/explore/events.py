"""Connects the events of the Explore tab with their handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from app.explore.handlers.file_handlers import FileHandlers
from app.explore.handlers.link_handlers import LinkHandlers
from app.explore.handlers.request_handlers import RequestHandlers
from app.explore.handlers.view_handlers import ViewHandlers
from app.explore.layout import Layout
from app.explore.page_updates import PageUpdates
from app.explore.permalinks import Permalinks
from app.server.event_options import AT_ONCE, CELL, READ_ADDRESS, REQUEST, when_read
from app.server.request_queue import SERVED
from app.services.tabs import TabContext
from app.state.examples import Example

# The focus must not stay on this button, which hides once all adapters are selected.
_FOCUS_ADAPTERS = "() => { document.querySelector('#adapters input').focus(); return []; }"

_VIEW: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "view",
    "concurrency_limit": SERVED,
}


def connect(
    context: TabContext,
    layout: Layout,
    page_updates: PageUpdates,
    examples: Sequence[Example],
    permalinks: Permalinks,
) -> None:
    """Connects all events.

    Args:
        context: The shared parts of the page.
        layout: The parts of the tab.
        page_updates: Turns updates into changes of components.
        examples: The example questions.
        permalinks: Makes and opens links.
    """
    tab = (context, layout, page_updates)
    requests, views = RequestHandlers(*tab, examples), ViewHandlers(*tab)
    links, files = LinkHandlers(*tab, examples, permalinks), FileHandlers(*tab)
    page, session, outputs = context.page, context.session, page_updates.outputs
    controls, panels, buttons = layout.controls, layout.panels, layout.buttons
    question = {session, *controls.of("question", "view", "answers")}

    def request(listener: Callable[..., Any], *inputs: Any) -> dict[str, Any]:
        return {"fn": listener, "inputs": {session, *inputs}, "outputs": outputs, **REQUEST}

    # Questions
    ask = request(requests.ask, *question)
    buttons["ask"].click(**ask)
    controls["query"].submit(**ask)  # type: ignore[attr-defined]
    buttons["answer-shown"].click(**request(requests.answer_shown, *question))
    panels["answers"].again(**request(requests.answer_again, *question))
    panels["answers"].part(**request(requests.show_parting))
    buttons["every-token"].click(**request(requests.read_every_token))
    buttons["check-variants"].click(**request(requests.check_variants, *controls.of("check")))
    buttons["check-copies"].click(**request(requests.check_copies))
    buttons["stop"].click(requests.stop, {session}, None, **AT_ONCE)

    # Examples, permalinks and history
    chosen = [controls[name] for name in ("query", "adapters", "alone")] + [panels["status"]]
    layout.examples.example(
        links.choose_example, {session, controls["alone"]}, chosen, **AT_ONCE
    ).then(**ask)
    adapters: Any = controls["adapters"]
    divide: dict[str, Any] = {"fn": views.change_adapters, "inputs": {session, adapters}}
    divide |= {"outputs": outputs, **_VIEW}
    layout.all_adapters.click(
        links.select_all_adapters, None, adapters, js=_FOCUS_ADAPTERS, **AT_ONCE
    ).then(**divide)
    adapters.input(**divide)
    restored = list(dict.fromkeys([*controls.linked.values(), *outputs]))
    ask_linked = request(requests.ask_linked, *question)
    opened = page.load(links.open_page, {session}, restored, **READ_ADDRESS)
    when_read(opened).then(**ask_linked)
    panels["history"].reopen(links.reopen_run, {session}, restored, **AT_ONCE).then(**ask_linked)

    # Views. One listener for all view settings: an older change never overtakes a newer one.
    gr.on(
        controls.view_events,
        views.change_view,
        {session, *controls.of("view")},
        outputs,
        **_VIEW,
    ).then(**request(requests.read_tokens_if_needed))
    status = panels["status"]
    panels["grid"].cell(
        views.select_cell,
        {session},
        [panels["explanation"], panels["tokens"], panels["export"], status],
        **CELL,
    )
    panels["grid"].paint(
        views.paint_cell,
        {session, *controls.of("what-if")},
        outputs,
        **CELL,
    )
    panels["prompt"].read(views.read_token, {session}, outputs, **_VIEW).then(
        **request(requests.read_tokens_if_needed)
    )
    panels["grid"].preset(views.paint_preset, {session}, outputs, **_VIEW)
    panels["grid"].undo(views.undo_painting, {session}, outputs, **_VIEW)
    layout.undo_painting.click(views.undo_painting, {session}, outputs, **_VIEW)
    layout.reset_painting.click(views.reset_painting, {session}, outputs, **_VIEW)
    buttons["pin"].click(views.pin, {session}, outputs, **_VIEW)
    saved = [panels["export"], status]
    panels["variants"].save(files.save_variants, {session}, saved, **_VIEW)
    panels["copies"].save(files.save_copies, {session}, saved, **_VIEW)
    panels["export"].export(files.export, {session}, [panels["export"], status], **_VIEW)
