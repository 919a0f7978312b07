"""What happens when somebody looks: nothing here runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from analysis.measure.trace import MEAN
from app.explore.divergences import at_hand
from app.state.session import Session
from app.state.snapshot import Picture, retake, take
from app.state.view_settings import Look
from app.state.what_if import Painting
from app.views import figure_panels, grid_views
from app.views.cell_view import cell_view
from app.views.grid_views import Face
from app.views.prompt_view import prompt_view
from app.widgets import text
from app.widgets.status import status_view

if TYPE_CHECKING:
    from app.server.loader import Loader
    from app.state.run import Run
    from app.state.stored_example import First

Update = dict[str, Any]

_READ = (
    "Read at the token “{token}” through the {lens} lens. What a lens shows of early layers is "
    "not a calibrated probability."
)

_UNREAD = "Every token has to be read for this, once for each lens and metric."
_STORED = "This is the stored example: ask it yourself to read it in another way."


def alike(one: Picture, other: Picture) -> bool:
    """Whether two pictures show the same numbers, however these are drawn."""
    drawn = replace(one, look=replace(one.look, show=other.look.show), number=other.number)
    return drawn == other


class Looker:
    """Shows what a visitor wants to see of the run that is there.

    Args:
        loader: Has the engine.
        labels: The adapters' labels by name.
        example: The stored run that is there before there is another.
    """

    def __init__(
        self, loader: Loader, labels: Mapping[str, str], example: First | None = None
    ) -> None:
        self._loader = loader
        self._labels = labels
        self._example = example

    def look(self, session: Session, look: Look) -> Update:
        """The run, looked at differently."""
        session.look = look
        return self.again(session)

    def again(self, session: Session) -> Update:
        """The run that is there now, as the visitor wants to see it now."""
        while True:
            run, look = session.run, session.look
            try:
                picture = self._picture(session, run, look)
            except InputError as error:
                return {"status": status_view("error", str(error))}
            # A lens takes its time: meanwhile a trace may have ended, or the look have changed.
            if session.run is run and session.look is look:
                break
        if picture is None:
            return {}
        before = session.picture
        session.show(picture)
        shown = self.shown(session)
        if before is not None and not alike(before, picture):
            # What was tried with other numbers says nothing about these.
            shown |= {"spread": figure_panels.no_profile(), "copies": figure_panels.no_profile()}
        if picture.look.needs != look.needs and not session.busy:
            shown["status"] = status_view("idle", _STORED if run is None else _UNREAD)
        return shown

    def _picture(self, session: Session, run: Run | None, look: Look) -> Picture | None:
        engine = self._loader.engine
        if run is None or engine is None:
            # The stored example holds the divergences of one reading.
            return session.picture and retake(session.picture, look)
        reading = at_hand(engine, run, look)
        if reading is None:
            look = replace(look, position="query")
            reading = at_hand(engine, run, look)
        assert reading is not None
        return take(reading, run, look, self._labels)

    def shown(self, session: Session) -> Update:
        """All that depends on the picture, the pin, the painting and the cell."""
        picture = session.picture
        if picture is None:
            return {}
        read, run, example = {}, session.run, self._example
        if run is not None or example is not None:
            prompt = run.trace.prompt if run is not None else example.prompt
            read["prompt"] = prompt_view(prompt, picture.look.position)
        return {
            **read,
            **self._drawn(session, picture),
            **self.why(session),
            **self.tokens(session),
        }

    @staticmethod
    def _face(session: Session, picture: Picture) -> Face:
        painted = session.painting.weights if session.painting else None
        return grid_views.face(picture, session.pinned, painted)

    def _drawn(self, session: Session, picture: Picture) -> Update:
        """What is drawn of the picture: the same numbers as grid and as lines."""
        face = self._face(session, picture)
        return {
            "grid": figure_panels.grid(face, session.cell, session.pinned, session.run is None),
            "profile": figure_panels.profile(face),
        }

    def select(self, session: Session, layer: int, adapter: int) -> Update:
        """A cell was chosen."""
        if not session.select(layer, adapter):
            return {}
        return {**self.why(session), **self.tokens(session)}

    @staticmethod
    def tokens(session: Session) -> Update:
        """The selected adapter at every token, if that has been read."""
        run, picture = session.run, session.picture
        every = run.every.get(picture.look.reading) if run and picture else None
        if every is None or picture is None:
            return {"tokens": figure_panels.no_profile()}
        cell = session.cell or (picture.shown.start, 0)
        return {"tokens": figure_panels.every_token(picture, cell, every)}

    def why(self, session: Session) -> Update:
        """Why the selected cell is what it is."""
        picture, cell = session.picture, session.cell
        if picture is None or cell is None:
            return {}
        layer, adapter = cell
        face = self._face(session, picture)
        look, engine, run = picture.look, self._loader.engine, session.run
        position = "query" if look.position == MEAN else look.position
        if run is not None and engine is not None:
            prompt, name = run.trace.prompt, picture.adapters[adapter]
            behind = engine.cell(run.trace, layer, name, look.lens, position)
            # Another metric or position is then there at once.
            engine.read_ahead(run.trace, look.lens, layer, name)
        elif self._example is not None:
            prompt, behind = self._example.prompt, self._example.cells[layer][adapter]
        else:
            return {"why": cell_view(face, layer, adapter, None)}
        place = prompt.query_last if position == "query" else prompt.last
        token = text.visible(prompt.tokens[place])
        note = _READ.format(token=token, lens=look.lens)
        if look.position == MEAN:
            note += " The divergence above is the mean over all tokens of the query."
        if look.metric != "kl":
            note += " The parts are those of the KL divergence."
        return {"why": cell_view(face, layer, adapter, behind, note)}

    def paint(
        self, session: Session, layer: int, adapter: int, weight: float, scope: str
    ) -> Update:
        """A cell was painted."""
        if session.picture is None or session.painting is None:
            return {}
        if not session.select(layer, adapter):
            return {}
        shown = session.picture.shown
        session.painting = session.painting.paint(layer, adapter, weight, scope, shown)
        return {**self._drawn(session, session.picture), **self.why(session)}

    def unpaint(self, session: Session) -> Update:
        """The painting begins anew."""
        if session.picture is not None:
            session.painting = Painting.over(session.picture)
        return self.shown(session)

    def pin(self, session: Session) -> Update:
        """What is shown becomes what others are compared with; a second time lets go of it."""
        session.pinned = session.picture if session.pinned is None else None
        if session.pinned is None and session.look.show == "difference":
            session.look = replace(session.look, show="weights")
        return self.again(session)
