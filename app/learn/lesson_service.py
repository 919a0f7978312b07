"""Runs lessons with the services of the page, and scores the runs."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from analysis.common.errors import InputError
from app.learn.learn_panel import LearnPanel, RunNews, example_for, lesson_entry, subject_of
from app.learn.lesson_run import LessonRun
from app.learn.lessons import Lesson
from app.learn.questions import QUESTIONS
from app.learn.questions.outcome import Outcome
from app.learn.texts import ENGLISH, Texts
from app.server.requests import RequestUpdate
from app.services.robustness_service import check_copies
from app.services.tabs import TabContext
from app.services.updates import Update, Updates
from app.state.examples import Example
from app.state.painting.what_if import write_cells
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation

LessonUpdates: TypeAlias = "Generator[Update | RequestUpdate | RunNews, None, None]"
"""The updates of a lesson's request: of the panels of Explore, then the run's news."""


class LessonService:
    """Runs the lessons of a collection.

    Args:
        context: The shared parts of the page.
        lessons: The lessons.
        interface: The tab's own texts by language.
        examples: The collection's example questions.
    """

    def __init__(
        self,
        context: TabContext,
        lessons: Sequence[Lesson],
        interface: Mapping[str, Texts],
        examples: Sequence[Example],
    ) -> None:
        self._context = context
        self._lessons = {lesson.id: lesson for lesson in lessons}
        self._interface = interface
        self._examples = examples

    def panel(self) -> LearnPanel:
        """The lessons for the collection of the page."""
        collection, labels = self._context.collection, self._context.labels
        default = self._interface[ENGLISH]["default_question"]
        entries = [
            lesson_entry(lesson, collection, labels, self._examples, default)
            for lesson in self._lessons.values()
        ]
        return LearnPanel(self._interface, tuple(entries), collection.name, collection.title)

    def lesson(self, name: str) -> Lesson:
        """A lesson by its name.

        Raises:
            InputError: There is no such lesson.
        """
        if name not in self._lessons:
            raise InputError(f"There is no lesson {name!r:.40}: take one of the list.")
        return self._lessons[name]

    def run(
        self, session: Session, name: str, query: str, ask: str, *, own_weights: bool = False
    ) -> LessonUpdates:
        """Runs a lesson's question, and scores the run.

        Args:
            session: The student's session in this tab.
            name: The lesson.
            query: The question to the model.
            ask: The question that the student's prediction answers.
            own_weights: Whether the weights that the student set answer, too.

        Raises:
            InputError: There is no such lesson.
        """
        lesson, context = self.lesson(name), self._context
        view_settings = self.view_settings(lesson)
        if own_weights:
            view_settings = replace(view_settings, show="what-if")
        else:
            session.reset_painting()
        methods = self._methods(lesson)
        updates = context.query_service.ask(
            session,
            query,
            list(context.labels),
            view_settings,
            lambda: _answer_settings(methods, lesson, view_settings),
        )
        done = yield from _followed(updates)
        if done and lesson.run.copies:
            _select_quietest(session)
            copies = check_copies(context.loader, context.request_queue, session)
            done = yield from _followed(copies)
        if done:
            yield self.score(session, lesson, ask)

    def view_settings(self, lesson: Lesson) -> ViewSettings:
        """How a lesson reads a run: the collection's way, with the paper's arithmetic."""
        own = replace(
            ViewSettings.of(self._context.collection),
            show=lesson.run.show,
            metric="kl",
            normalisation="sum",
        )
        return replace(own, position=lesson.run.position) if lesson.run.position else own

    def _methods(self, lesson: Lesson) -> tuple[str, ...]:
        example = example_for(self._examples)
        return lesson.run.methods_for(subject_of(example, self._context.labels))

    def score(self, session: Session, lesson: Lesson, ask: str) -> RunNews:
        """The outcome of a lesson's questions for the run that a session shows.

        Raises:
            InputError: The session shows no run, or its numbers are no longer kept.
        """
        now = session.copy()
        run, snapshot = now.run, now.snapshot
        if run is None or snapshot is None:
            raise InputError(say("There is no run yet: run the lesson first."))
        stream = now.answer_stream
        answers = stream.panel().rows if stream is not None else ()
        methods = self._methods(lesson)
        lesson_run = LessonRun(
            snapshot,
            tuple(row for row in answers if row.name in methods),
            lambda layer, place: _cell(run, snapshot, layer, place),
            now.checks.get("copies") if lesson.run.copies else None,
        )
        asked = ask if ask in lesson.predict else lesson.predict[0]
        return RunNews(
            lesson.id,
            run.query,
            QUESTIONS[asked].outcome(lesson_run),
            _first(lesson.check, lesson_run),
            self._link(now, snapshot, lesson, methods),
            self._link(now, snapshot, lesson, lesson.further or methods),
            bool(snapshot.saturated),
        )

    def _link(
        self, session: Session, snapshot: Snapshot, lesson: Lesson, methods: Sequence[str]
    ) -> str:
        """The run as a link to Explore, by the names of Explore's controls."""
        settings, painted = session.view_settings, session.what_if
        cells = ""
        if painted is not None and painted.touched and painted.fits(snapshot):
            cells = write_cells(painted.cells(snapshot))
        return self._context.links.fields.encode(
            {
                "query": snapshot.query,
                "adapters": list(snapshot.adapters),
                "lens": settings.lens,
                "metric": settings.metric,
                "position": settings.position,
                "normalisation": settings.normalisation,
                "show": "what-if" if cells else lesson.run.show,
                "methods": [name for name in methods if ":" not in name],
                "alone": [name for name in methods if ":" in name],
                "new_tokens": lesson.run.tokens,
                "paint": cells,
                "collection": self._context.collection.name,
            }
        )


def _answer_settings(
    methods: tuple[str, ...], lesson: Lesson, view_settings: ViewSettings
) -> AnswerSettings:
    from analysis.inference.decoding.sampling import Sampling  # its torch takes seconds

    return AnswerSettings(
        methods,
        lesson.run.tokens,
        Sampling(),
        view_settings.lens,
        view_settings.weight_settings,
    )


def _followed(updates: Updates) -> Generator[Update | RequestUpdate, None, bool]:
    """The updates of a request, and whether it was done."""
    state = ""
    for update in updates:
        if "status" in update:
            state = update["status"].state
        yield update
    return state == "done"


def _select_quietest(session: Session) -> None:
    """Selects the adapter that moves the model least, but does: copies are made of it.

    Near the base a divergence grows with the square of an adapter's strength. An adapter that
    already decides what the model says cannot move it much further.
    """
    snapshot = session.copy().snapshot
    if snapshot is None:
        return
    means = [sum(column) for column in zip(*snapshot.divergence, strict=True)]
    moving = [place for place, mean in enumerate(means) if mean > 0]
    if moving:
        session.select(snapshot.strongest()[0], min(moving, key=means.__getitem__))


def _first(names: Sequence[str], run: LessonRun) -> Outcome | None:
    outcomes = (QUESTIONS[name].outcome(run) for name in names)
    return next((outcome for outcome in outcomes if outcome is not None), None)


def _cell(run: Run, snapshot: Snapshot, layer: int, place: int) -> CellExplanation:
    settings = snapshot.view_settings
    name = snapshot.adapters[place]
    return run.engine.cell(run.trace, layer, name, settings.lens, settings.cell_position)
