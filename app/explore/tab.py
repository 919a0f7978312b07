"""The Explore tab: builds its layout and its events."""

from __future__ import annotations

from app.explore import events, layout
from app.explore.page_updates import PageUpdates
from app.explore.permalinks import Permalinks, part_fields
from app.services.tabs import Tab, TabContext
from app.services.updates import Update
from app.state.examples import load_examples
from app.state.session import Session
from app.views.hints_panel import disabled_buttons
from app.widgets.panels import fill


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    example, session = context.stored_example, context.session.value
    assert isinstance(session, Session)
    query = "" if example is None else example.snapshot.query
    examples = load_examples(context.collection)
    parts = layout.build(context, examples, query, disabled_buttons(session))

    # A link to Explore may ask a question, and says what the grid shows: no control holds that.
    part = context.links.part({**parts.controls.link_fields, **part_fields()})
    permalinks = Permalinks(
        part,
        context.view_service,
        context.collection.title,
        context.collection.name,
        context.pages,
    )
    if example is not None:
        first: Update = {
            **context.view_service.panels(session),
            "answers": example.answers,
            "export": permalinks.export_panel(session),
        }
        for name, content in first.items():
            fill(parts.panels[name], content)
    page = PageUpdates(parts, permalinks)
    events.connect(context, parts, page, examples, permalinks)


TAB = Tab("Explore", order=10, build=build)
