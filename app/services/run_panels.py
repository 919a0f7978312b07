"""The panels of a run: grid, lines, the explanation of the selected cell, tokens, prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.trace import BOTH, MEAN
from app.server.guard import text_of
from app.services.updates import Update
from app.state.session import Session
from app.state.snapshot import Snapshot
from app.views import charts_panel
from app.views.answer_note import adapters_note, answer_note
from app.views.charts_panel import ChartsPanel
from app.views.grid import grid_views
from app.views.grid.explanation_panel import ExplanationPanel, explanation_panel
from app.views.grid.grid_panel import grid_panel
from app.views.grid.grid_views import GridView
from app.views.grid.pinned_grid import pinned_answers, pinned_grid
from app.views.prompt_panel import prompt_panel, readable
from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.measure.trace import Trace
    from app.server.loader import Loader
    from app.state.run import Run
    from app.state.stored_example import StoredExample

_READ = (
    "Read at the token “{token}” with the {lens} lens. In early layers, these are not calibrated "
    "probabilities."
)
_ELSEWHERE = (
    "Read at the token “{token}” with the {lens} lens. The words behind a cell are there for the "
    "last token of the query and of the prompt only."
)
_MEANS = {
    BOTH: say(" The divergence above is the mean of this token and the prompt's last."),
    MEAN: say(" The divergence above is the mean over all tokens of the query."),
}


class RunPanels:
    """Makes the panels of the run that a session shows.

    Each method takes the session of one moment, a `copy`. Some take the trace of the run: its
    request holds it, and the kept trace is read where there is none.

    Args:
        loader: Gives the engine once it is loaded.
        labels: The adapters' labels by name.
        example: The stored run, which the page shows before the first question.
    """

    def __init__(
        self, loader: Loader, labels: Mapping[str, str], example: StoredExample | None
    ) -> None:
        self._loader = loader
        self._labels = labels
        self._example = example

    def all(self, session: Session, trace: Trace | None = None) -> Update:
        """The panels that depend on the snapshot, the pin, the painted weights and the cell."""
        snapshot = session.snapshot
        if snapshot is None:
            return {}
        update: Update = {
            **self.figures(session, snapshot),
            **self.explanation(session, trace),
            **self.tokens(session),
            "pinned_answers": pinned_answers(session),
            "pinned_grid": replace(pinned_grid(session), moment=session.moment),
        }
        source = session.run or self._example
        if source is not None:
            view_settings = snapshot.view_settings
            panel = prompt_panel(source.prompt, view_settings.position)
            engine = self._loader.engine
            if session.run is not None and engine is not None:
                cost = session.run.every_token_cost(*view_settings.lens_and_metric)
                most = engine.limits.every_token
                panel = readable(panel, cost, len(panel.tokens) <= most)
            update["prompt"] = replace(panel, moment=session.moment)
        return update

    def _answer_note(self, session: Session, snapshot: Snapshot) -> tuple[str, bool]:
        """How the answers to the shown question differ from the grid, and whether in adapters."""
        run, engine, example = session.run, self._loader.engine, self._example
        if run is not None and engine is not None:
            answered = run.answer_settings.weight_settings(engine.settings)
            asked = run.asked or run.adapters
        elif example is not None:
            answered = example.snapshot.view_settings.weight_settings
            asked = example.snapshot.adapters
        else:
            return "", False
        others = adapters_note(self._labelled(asked), snapshot.labels)
        notes = [others, answer_note(answered, snapshot.view_settings)]
        return joined(" ", [note for note in notes if note]), bool(others)

    def _labelled(self, adapters: Sequence[str]) -> list[str]:
        return [self._labels[name] for name in adapters]

    @staticmethod
    def _grid_view(session: Session, snapshot: Snapshot) -> GridView:
        painted = session.what_if.weights if session.what_if else None
        return grid_views.grid_view(snapshot, session.pinned_snapshot, painted)

    def figures(self, session: Session, snapshot: Snapshot) -> Update:
        """The same numbers as a grid and as lines."""
        grid_view = self._grid_view(session, snapshot)
        note, others = self._answer_note(session, snapshot)
        stored = session.run is None
        grid = grid_panel(grid_view, session.cell, session.pinned_snapshot, stored, note)
        strokes = session.what_if.next_number - 1 if session.what_if else 0
        grid = replace(grid, strokes=strokes, other_adapters=others, moment=session.moment)
        return {
            "grid": grid,
            "profile": replace(charts_panel.profile(grid_view), moment=session.moment),
        }

    @staticmethod
    def tokens(session: Session) -> Update:
        """The divergence of the selected cell at every token, if every token has been read."""
        run, snapshot = session.run, session.snapshot
        every_token = (
            run.every_token(*snapshot.view_settings.lens_and_metric) if run and snapshot else None
        )
        panel = ChartsPanel.empty()
        if every_token is not None and snapshot is not None:
            cell = session.cell or (snapshot.visible_layers.start, 0)
            panel = charts_panel.every_token(snapshot, cell, every_token)
        return {"tokens": replace(panel, moment=session.moment)}

    def explanation(self, session: Session, trace: Trace | None = None) -> Update:
        """The explanation of the selected cell."""
        found = self._explanation(session, trace)
        return {"explanation": replace(found, moment=session.moment)} if found else {}

    def _explanation(self, session: Session, trace: Trace | None) -> ExplanationPanel | None:
        snapshot, cell = session.snapshot, session.cell
        if snapshot is None or cell is None:
            return None
        layer, adapter = cell
        grid_view = self._grid_view(session, snapshot)
        view_settings, engine, run = snapshot.view_settings, self._loader.engine, session.run
        position = view_settings.cell_position
        if run is not None and view_settings.token is not None:
            token = text.visible(run.prompt.tokens[view_settings.token])
            why = say(_ELSEWHERE, token=token, lens=say(view_settings.lens))
            return explanation_panel(grid_view, layer, adapter, None, why)
        if run is not None and engine is not None:
            prompt, name = run.prompt, snapshot.adapters[adapter]
            try:
                trace = self._trace(run, trace)
            except InputError as error:
                why = text_of(error, "")
                return explanation_panel(grid_view, layer, adapter, None, why)
            tokens = engine.cell(trace, layer, name, view_settings.lens, position)
            # Prepares the other metrics and positions, which the visitor may choose next.
            engine.read_ahead(trace, view_settings.lens, layer, name)
        elif self._example is not None:
            # The grid may show some of its adapters only.
            place = self._example.snapshot.adapters.index(snapshot.adapters[adapter])
            prompt, tokens = self._example.prompt, self._example.cells[layer][place]
        else:
            return explanation_panel(grid_view, layer, adapter, None)
        index = prompt.query_last if position == "query" else prompt.last
        token = text.visible(prompt.tokens[index])
        note = say(_READ, token=token, lens=say(view_settings.lens))
        note += _MEANS.get(view_settings.position, "") if view_settings.uses("position") else ""
        if view_settings.metric != "kl" or not view_settings.plain:
            note += say(" The shares are those of the KL divergence.")
        return explanation_panel(grid_view, layer, adapter, tokens, note)

    @staticmethod
    def _trace(run: Run, held: Trace | None) -> Trace:
        # Meanwhile another request may have shown its run.
        if held is not None and (held.prompt, held.adapters) == (run.prompt, run.adapters):
            return held
        return run.trace
