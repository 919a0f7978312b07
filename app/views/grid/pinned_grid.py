"""The pinned run beside the shown one: its grid, and its answers."""

from __future__ import annotations

from dataclasses import replace

from app.state.answers_panel import AnswersPanel
from app.state.session import Session
from app.state.settings.wording import differences, in_words
from app.state.snapshot import Snapshot
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.views.grid.grid_panel import grid_panel
from app.views.grid.grid_views import grid_view
from app.widgets import text
from app.widgets.words.said import joined, say


def pinned_grid(session: Session) -> ChartsPanel:
    """The grid of the pinned run, while the page shows it beside the run.

    Args:
        session: The session of one moment.
    """
    pinned, shown = session.pinned_snapshot, session.snapshot
    if pinned is None or shown is None or shown.view_settings.show != "beside":
        return ChartsPanel.empty()
    # Its own reading, of the layers that the page shows now.
    view_settings = replace(pinned.view_settings, show="weights", span=shown.view_settings.span)
    grid = grid_panel(grid_view(replace(pinned, view_settings=view_settings)), None)
    figure = grid.figure
    meta = figure["layout"]["meta"] | {"fit": True}
    figure = {**figure, "layout": {**figure["layout"], "meta": meta}}
    layers = [str(layer) for layer in range(grid.first, grid.first + grid.layers)]
    title = say("Weights of the pinned run")
    table = Table.of(say("Layer"), grid.columns, layers, grid.cells)
    chart = Chart(
        title, joined(". ", (title, grid.sentence)), figure, table, sentence=grid.sentence
    )
    return ChartsPanel(f"{pinned.number}-{layers}-pinned", (chart,), (_about(pinned),))


def pinned_answers(session: Session) -> AnswersPanel:
    """The answers of the pinned run, once the page shows those of another run.

    Args:
        session: The session of one moment.
    """
    pin, shown = session.pinned, session.snapshot
    if pin is None or pin.answers is None or shown is None or pin.snapshot.run == shown.run:
        return AnswersPanel.empty()
    # Shown as finished, also where they were pinned before their end, and from the first token on.
    answers = replace(
        pin.answers, caption=say("Pinned: {run}", run=_about(pin.snapshot)), state="done"
    )
    if pin.snapshot.query != shown.query:
        return answers
    return replace(answers, beside=_how(pin.snapshot, shown), missing=())


def _how(pinned: Snapshot, shown: Snapshot) -> str:
    """How the pinned run of a question was read, unlike the shown run of the same."""
    parts = [differences(pinned.view_settings, shown.view_settings)]
    if pinned.adapters != shown.adapters:
        parts.append(say("with {adapters}", adapters=text.listed(pinned.labels)))
    return joined(", ", [part for part in parts if part]) or in_words(pinned.view_settings)


def _about(pinned: Snapshot) -> str:
    query = text.short(text.plain(pinned.query), 90)
    return joined("", (f"“{query}”, ", in_words(pinned.view_settings), "."))
