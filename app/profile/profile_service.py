"""The profile service: reads many queries in the page's queue, and keeps what is read."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.profile.queries import ListedQuery
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection
from app.profile.profile_run import ProfileRun, ProfileState
from app.profile.query_rows import QueryRows, query_rows
from app.profile.weights_panel import weights_panel
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import (
    RequestUpdate,
    give_way,
    run_request,
    run_with_progress,
    wait_for_engine,
)
from app.state.link_fields import LinkFields
from app.views.charts_panel import ChartsPanel
from app.views.export_panel import SavedFile
from app.widgets.labels import labels_of
from app.widgets.status import StatusPanel
from app.widgets.text import fixed
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.measure.profile.profile import QueryWeights

KINDS = ("csv", "json")
"""The kinds of files."""

# Seconds between two drawings of the weights while queries are read.
_DRAW_SECONDS = 3.0


@dataclass(frozen=True)
class ProfileUpdate:
    """What changes in the tab; None where nothing does.

    Attributes:
        status: The status line.
        busy: Whether a profile is being read.
        weights: The mean weights.
        rows: The queries.
    """

    status: StatusPanel | None = None
    busy: bool | None = None
    weights: ChartsPanel | None = None
    rows: QueryRows | None = None


class ProfileService:
    """Reads profiles for all visitors.

    Args:
        collection: The collection of the page.
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        link_fields: The values that a permalink can hold, for links to single queries.
    """

    def __init__(
        self,
        collection: Collection,
        loader: Loader,
        request_queue: RequestQueue,
        link_fields: LinkFields,
    ) -> None:
        self._collection = collection
        self._labels = labels_of(collection)
        self._loader = loader
        self._request_queue = request_queue
        self._link_fields = link_fields

    def read(
        self,
        state: ProfileState,
        queries: Sequence[ListedQuery],
        adapters: Sequence[str],
        settings: WeightSettings,
        most: int,
    ) -> Iterator[ProfileUpdate]:
        """Reads the weights of queries; what is read stays if the visitor stops.

        Args:
            state: The visitor's tab.
            queries: The queries.
            adapters: Names of the adapters.
            settings: How relevance is read and turned into weights.
            most: The most queries to read, from the first.
        """
        session = state.session
        ticket = session.begin()
        kinds = {one.name: one.kind for one in self._collection.adapters if one.name in adapters}
        chosen = tuple(kinds)
        run: ProfileRun | None = None

        def steps() -> Generator[RequestUpdate, None, None]:
            nonlocal run
            from analysis.measure.profile.run import kinds_of, prompts_of, weights_of

            if not chosen:
                raise InputError("No adapter is chosen: choose at least one.")
            engine = yield from wait_for_engine(self._loader, session, ticket)
            asked = queries[:most]
            # All are read before the first one runs: a mistake in the last line costs no minutes.
            prompts = prompts_of(engine, asked, session.owner)
            if settings.relative:
                yield from run_with_progress(
                    session, ticket, lambda progress: engine.usual(chosen, settings, progress)
                )
            run = ProfileRun(len(asked), len(queries), chosen, settings, kinds_of(kinds))
            began = time.monotonic()
            for query, prompt in zip(asked, prompts, strict=True):
                yield {"status": _reading(run, time.monotonic() - began)}

                def work(
                    progress: Progress, query: str = query.text, prompt: object = prompt
                ) -> QueryWeights:
                    return weights_of(engine, query, prompt, chosen, settings, progress)  # type: ignore[arg-type]

                done = yield from run_with_progress(session, ticket, work, _silent)
                run.found.append(done.value)
                state.run = run
                yield from give_way(session, ticket, self._request_queue, done.seconds)
            seconds = time.monotonic() - began
            yield {"status": StatusPanel("done", _done(run), 1.0, fixed(seconds, 1) + " s")}

        drawn = time.monotonic()
        for update in run_request(session, ticket, self._request_queue, steps()):
            status, busy = update.get("status"), update.get("busy")
            if status is not None and status.state == "stopped":
                status = StatusPanel("stopped", _stopped(run))
            if status is not None or busy is not None:
                yield ProfileUpdate(status, busy)
            now = time.monotonic()
            if run is not None and run.found and now - drawn > _DRAW_SECONDS:
                drawn = now
                yield ProfileUpdate(weights=self._weights(run))
        if run is not None and run.found and state.run is run:
            yield ProfileUpdate(weights=self._weights(run), rows=self._rows(run))

    def file(self, state: ProfileState, kind: str) -> SavedFile:
        """The profile as a file.

        Args:
            state: The visitor's tab.
            kind: One of `KINDS`.

        Raises:
            InputError: There is no profile.
        """
        from analysis.measure.profile.files import as_json, to_csv

        if state.run is None:
            raise InputError("There is no profile yet: read some queries first.")
        profile, name = state.run.profile(), self._collection.name
        if kind == "csv":
            return SavedFile("profile.csv", "text/csv", to_csv(profile, name))
        written = json.dumps(as_json(profile, name), ensure_ascii=False)
        return SavedFile("profile.json", "application/json", written)

    def _weights(self, run: ProfileRun) -> ChartsPanel:
        places = [self._collection.names.index(name) for name in run.adapters]
        return weights_panel(run, self._labels, places)

    def _rows(self, run: ProfileRun) -> QueryRows:
        places = [self._collection.names.index(name) for name in run.adapters]
        return query_rows(run, self._labels, places, self._link_fields)


def _silent(what: str, share: float, seconds: float) -> RequestUpdate:
    """The layers of a query, which pass too quickly to be read."""
    return {}


def _reading(run: ProfileRun, seconds: float) -> StatusPanel:
    """How many queries are read, and how long the rest takes if it goes on so."""
    count = len(run.found)
    detail = say("{count} of {all}", count=count, all=run.asked)
    if count:
        left = _left(seconds / count * (run.asked - count))
        detail = joined(" · ", (detail, left))
    return StatusPanel("working", say("Reading the queries"), count / run.asked, detail)


def _left(seconds: float) -> str:
    if seconds < 90:
        return say("about {seconds} s left", seconds=max(1, round(seconds)))
    return say("about {minutes} min left", minutes=round(seconds / 60))


def _queries(count: int) -> str:
    return say("1 query") if count == 1 else say("{count} queries", count=count)


def _done(run: ProfileRun) -> str:
    read = _queries(run.asked)
    if run.asked < run.listed:
        return say("Read {queries}, the first of {listed}", queries=read, listed=run.listed)
    return say("Read {queries}", queries=read)


def _stopped(run: ProfileRun | None) -> str:
    if run is None or not run.found:
        return say("Stopped before a query was read.")
    return say(
        "Stopped: the profile is that of the first {count} of {queries}.",
        count=len(run.found),
        queries=_queries(run.asked),
    )
