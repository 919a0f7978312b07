"""A visitor's session with a run, made without a browser."""

from __future__ import annotations

from typing import Any

from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.models.collection import Collection
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.services.query_service import QueryService
from app.services.updates import Updates
from app.services.view_service import ViewService
from app.state.run import AnswerSettings
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.widgets.labels import labels_of


class Visit:
    """One visitor of a collection's page.

    Args:
        collection: What the page is about.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        labels = labels_of(collection)
        self.loader = Loader(lambda progress: Engine.load(collection, progress))
        self.loader.start()
        engine = self.loader.wait(300)
        assert engine is not None, self.loader.now
        self.engine = engine
        self.request_queue = RequestQueue()
        self.view_service = ViewService(self.loader, labels)
        self.query_service = QueryService(
            self.loader, self.request_queue, labels, self.view_service
        )
        self.names = list(labels)
        self.session = Session()

    def ask(self, *what: Any, **named: Any) -> dict[str, Any]:
        """Asks as `steps` does, and gives what the page shows in the end."""
        return last(self.steps(*what, **named))

    def steps(
        self,
        query: str,
        view_settings: ViewSettings | None = None,
        methods: tuple[str, ...] = ("base", "static"),
        sampling: Sampling | None = None,
        new_tokens: int = 4,
        **named: Any,
    ) -> Updates:
        """Asks, step by step."""
        view_settings = view_settings or ViewSettings()
        answer_settings = AnswerSettings(
            methods, new_tokens, sampling or Sampling(), view_settings.lens
        )
        return self.query_service.ask(
            self.session, query, self.names, view_settings, lambda: answer_settings, **named
        )


def last(steps: Any) -> dict[str, Any]:
    """The last that steps say of each part."""
    shown: dict[str, Any] = {}
    for changes in steps:
        shown.update(changes)
    return shown
