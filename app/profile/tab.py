"""The Profile tab: builds its service, its layout and its events."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from app.profile import layout
from app.profile.handlers import Handlers
from app.profile.layout import Layout
from app.profile.profile_link import profile_fields, profile_link
from app.profile.profile_run import ProfileState
from app.profile.profile_service import ProfileService
from app.profile.query_lists import in_words, query_lists
from app.server.event_options import AT_ONCE, REQUEST
from app.services.page_links import LinkedControl
from app.services.tabs import Tab, TabContext
from app.widgets.panels import encode


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    lists = query_lists()
    about = in_words(next(iter(lists.values())))
    parts = layout.build(context.labels, lists, about)
    service = ProfileService(
        context.collection, context.loader, context.request_queue, context.links.fields
    )
    # A profile takes minutes: it has a session of its own, so that a question goes on beside it.
    state = gr.State(ProfileState())
    handlers = Handlers(parts, service, context.session, state)
    given: set[Block] = {
        state,
        context.session,
        parts.listed,
        parts.own,
        parts.adapters,
        parts.most,
    }
    _connect_link(context, parts, list(lists))
    saved = [parts.panels["file"], parts.panels["status"]]
    parts.read.click(handlers.read, given, handlers.outputs, **REQUEST)
    parts.stop.click(handlers.stop, {state}, None, **AT_ONCE)
    parts.listed.change(
        handlers.choose_list,
        parts.listed,
        [parts.listed, parts.written, parts.panels["status"]],
        **AT_ONCE,
    )
    parts.panels["weights"].save(handlers.save, {state}, saved, **AT_ONCE)


def _connect_link(context: TabContext, parts: Layout, lists: list[str]) -> None:
    """Holds the controls in the page's address, and makes the link that is copied."""
    fields = profile_fields(lists, list(context.labels))
    controls: list[Component] = [parts.listed, parts.adapters, parts.most]
    context.links.add(
        {
            name: LinkedControl(control, fields[name])
            for name, control in zip(fields, controls, strict=True)
        }
    )

    def make(*values: Any) -> str:
        return encode(profile_link(fields, dict(zip(fields, values, strict=True))))

    panel = parts.panels["link"]
    changes = [control.change for control in controls]  # type: ignore[attr-defined]
    gr.on(
        [context.page.load, *changes], make, controls, panel, trigger_mode="always_last", **AT_ONCE
    )


TAB = Tab("Profile", order=18, build=build)
