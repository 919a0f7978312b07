"""The Explore tab: builds its services, its layout and its events."""

from __future__ import annotations

import gradio as gr

from app.explore import events, layout
from app.explore.button_hints import disabled_buttons
from app.explore.handlers import Handlers
from app.explore.page_updates import PageUpdates
from app.explore.services.permalinks import Permalinks
from app.explore.services.query_service import QueryService
from app.explore.services.updates import Update
from app.explore.services.view_service import ViewService
from app.server.tabs import Tab, TabContext
from app.state.examples import load_examples
from app.state.link_fields import LinkFields
from app.state.session import Session
from app.state.view_settings import ViewSettings
from app.widgets.panels import fill


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    labels, example = context.labels, context.stored_example
    view_service = ViewService(context.loader, labels, example)
    query_service = QueryService(context.loader, context.request_queue, labels, view_service)

    session = Session(view_settings=ViewSettings.of(context.collection))
    if example is not None:
        session.show(example.snapshot)
    query = "" if example is None else example.snapshot.query
    examples = load_examples(context.collection)
    parts = layout.build(context, examples, query, disabled_buttons(session))

    fields = parts.controls.link_fields
    context.link_fields.add(fields)
    permalinks = Permalinks(LinkFields(fields), view_service)
    if example is not None:
        first: Update = {
            **view_service.panels(session),
            "answers": example.answers,
            "export": permalinks.export_panel(session),
        }
        for name, content in first.items():
            fill(parts.panels[name], content)
    events.connect(
        Handlers(
            context=context,
            session=gr.State(session),
            layout=parts,
            examples=examples,
            query_service=query_service,
            view_service=view_service,
            permalinks=permalinks,
            page=PageUpdates(parts, permalinks),
        )
    )


TAB = Tab("Explore", order=10, build=build)
