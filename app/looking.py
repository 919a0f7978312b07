"""What happens when somebody looks: nothing here runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.trace import MEAN
from app import faces, grids, views
from app.faces import Face
from app.look import Look
from app.painting import Painting
from app.picture import Picture, retake, take
from app.reading import at_hand
from app.session import Session

if TYPE_CHECKING:
    from app.loader import Loader

Update = dict[str, Any]

_READ = (
    "Read at the token “{token}” through the {lens} lens. What a lens shows of early layers is "
    "not a calibrated probability."
)

_UNREAD = "Every token has to be read for this, once for each lens and metric."
_STORED = "This is the stored example: ask it yourself to read it in another way."


class Looker:
    """Shows what a visitor wants to see of the run that is there.

    Args:
        loader: Has the engine.
        labels: The adapters' labels by name.
    """

    def __init__(self, loader: Loader, labels: Mapping[str, str]) -> None:
        self._loader = loader
        self._labels = labels

    def look(self, session: Session, look: Look) -> Update:
        """The run, looked at differently."""
        engine, run = self._loader.wait(0), session.run
        said: Update = {}
        try:
            if run is not None and engine is not None:
                reading = at_hand(engine, run, look)
                if reading is not None:
                    session.show(take(reading, run, look, self._labels))
                elif session.picture is not None:
                    session.show(retake(session.picture, look))
                    said = {"status": views.status("idle", _UNREAD)}
            elif session.picture is not None:
                # The stored example holds the divergences of one reading.
                session.show(retake(session.picture, look))
                if session.picture.look != look:
                    said = {"status": views.status("idle", _STORED)}
        except InputError as error:
            return {"status": views.status("error", str(error))}
        return {**said, **self.shown(session)}

    def shown(self, session: Session) -> Update:
        """All that depends on the picture, the pin, the painting and the cell."""
        picture = session.picture
        if picture is None:
            return {}
        read = {}
        if session.run is not None:
            read["prompt"] = views.prompt(session.run.trace.prompt, picture.look.position)
        return {
            **read,
            **self._drawn(session, picture),
            **self.why(session),
            **self.tokens(session),
        }

    @staticmethod
    def _face(session: Session, picture: Picture) -> Face:
        painted = session.painting.weights if session.painting else None
        return faces.face(picture, session.pinned, painted)

    def _drawn(self, session: Session, picture: Picture) -> Update:
        """What is drawn of the picture: the same numbers as grid and as lines."""
        face = self._face(session, picture)
        return {
            "grid": grids.grid(face, session.cell, session.pinned, session.run is None),
            "profile": grids.profile(face),
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
            return {"tokens": grids.no_profile()}
        cell = session.cell or (picture.shown.start, 0)
        return {"tokens": grids.every_token(picture, cell, every)}

    def why(self, session: Session) -> Update:
        """Why the selected cell is what it is."""
        picture, cell = session.picture, session.cell
        if picture is None or cell is None:
            return {}
        layer, adapter = cell
        face = self._face(session, picture)
        engine = self._loader.wait(0)
        if engine is None or session.run is None:
            note = "Ask the question yourself to see the tokens behind this cell."
            return {"why": views.why(face, layer, adapter, None, note)}
        trace, look = session.run.trace, picture.look
        position = "query" if look.position == MEAN else look.position
        name = picture.adapters[adapter]
        behind = engine.cell(trace, layer, name, look.lens, position)
        # Another metric or position is then there at once.
        engine.read_ahead(trace, look.lens, layer, name)
        place = trace.prompt.query_last if position == "query" else trace.prompt.last
        token = views.text.visible(trace.prompt.tokens[place])
        note = _READ.format(token=token, lens=look.lens)
        if look.position == MEAN:
            note += " The divergence above is the mean over all tokens of the query."
        if look.metric != "kl":
            note += " The parts are those of the KL divergence."
        return {"why": views.why(face, layer, adapter, behind, note)}

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
        return self.shown(session)
