"""The panels of the Learn tab: the lessons of a collection, and the news of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.models.collection import Collection
from app.learn.lessons import Lesson
from app.learn.questions import QUESTIONS
from app.learn.questions.outcome import Option, Outcome
from app.learn.texts import Texts
from app.state.examples import Example
from app.widgets import text


@dataclass(frozen=True)
class Prediction:
    """What a student predicts before the run.

    Attributes:
        ask: Name of the question.
        options: The choices.
    """

    ask: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class LessonEntry:
    """A lesson as the panel shows it.

    Attributes:
        id: Its name.
        minutes: How long it takes.
        level: Its difficulty, 1 to 3.
        figure: Name of its figure.
        stage: The parts of Explore that it shows.
        show: What its grid shows.
        texts: Its texts by language.
        question: The question that the model is asked.
        gloss: The question in English; empty if it is in English.
        spoken: The code of the language of a question that has a gloss; empty if not known.
        facts: What every text may name.
        predict: The prediction for this question.
        predict_own: The prediction for a student's own question.
        own_weights: Whether the student may set weights in the grid at the end.
        asks: Names of the questions that it may ask.
        needs: The fewest adapters that it needs, where the collection has fewer; else 0.
    """

    id: str
    minutes: int
    level: int
    figure: str
    stage: tuple[str, ...]
    show: str
    texts: Mapping[str, Texts]
    question: str
    gloss: str
    spoken: str
    facts: Mapping[str, str]
    predict: Prediction | None
    predict_own: Prediction | None
    own_weights: bool
    asks: tuple[str, ...]
    needs: int = 0


@dataclass(frozen=True)
class LearnPanel:
    """The Learn tab.

    Attributes:
        interface: The tab's own texts by language.
        lessons: The lessons; empty before a visitor opens the tab.
        collection: The collection's name.
        title: The collection's title.
        fault: Why there are no lessons, if something failed.
    """

    interface: Mapping[str, Texts] = field(default_factory=dict)
    lessons: tuple[LessonEntry, ...] = ()
    collection: str = ""
    title: str = ""
    fault: str = ""


@dataclass(frozen=True)
class News:
    """What the server answers to the lesson.

    Attributes:
        number: Rises with each piece of news, so that the panel takes equal news, too.
        run: The run, if there is a new one.
        painted: Whether the student has painted weights; None where that is not the news.
        qr: The rows of a QR code, `1` for a dark square; empty where none was asked for.
        fault: What failed; empty if nothing did.
    """

    number: int
    run: RunNews | None = None
    painted: bool | None = None
    qr: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class RunNews:
    """A run of a lesson, scored.

    Attributes:
        lesson: The lesson.
        query: The question that the model was asked.
        predict: The outcome of the prediction; None where this run cannot answer it.
        check: The outcome of the check; None where this run cannot answer any.
        link: The run as a link to Explore.
        further: One step further as a link to Explore.
        hatched: Whether the lens saturates in some layers, which the questions leave out.
    """

    lesson: str
    query: str
    predict: Outcome | None
    check: Outcome | None
    link: str
    further: str
    hatched: bool = False


def example_for(examples: Sequence[Example]) -> Example | None:
    """The example question of the lessons: one that knows what is right, if there is any."""
    marked = [one for one in examples if one.number is not None and one.language and one.alone]
    alone = [one for one in examples if one.alone]
    return next(iter([*marked, *alone, *examples]), None)


def lesson_entry(
    lesson: Lesson,
    collection: Collection,
    labels: Mapping[str, str],
    examples: Sequence[Example],
    default: str,
) -> LessonEntry:
    """A lesson for a collection.

    Args:
        lesson: The lesson.
        collection: The collection.
        labels: The adapters' labels by name.
        examples: The collection's example questions.
        default: The question where the collection has none.
    """
    example = example_for(examples)
    query = example.query if example else default
    adapter = subject_of(example, labels)
    return LessonEntry(
        id=lesson.id,
        minutes=lesson.minutes,
        level=lesson.level,
        figure=lesson.figure,
        stage=lesson.run.stage,
        show=lesson.run.show,
        texts=lesson.texts,
        question=query,
        gloss=example.gloss if example else "",
        spoken=example.language if example and example.gloss else "",
        facts={
            "question": text.plain(query),
            "adapter": labels[adapter],
            "collection": text.plain(collection.title),
            "count": str(len(labels)),
        },
        predict=_prediction(lesson, labels, known=example is not None and example.knows),
        predict_own=_prediction(lesson, labels, known=False),
        own_weights=lesson.own_weights,
        asks=(*lesson.predict, *lesson.check),
        needs=lesson.adapters if len(labels) < lesson.adapters else 0,
    )


def subject_of(example: Example | None, labels: Mapping[str, str]) -> str:
    """The adapter that a lesson is about: the one that answers the example alone, or the first."""
    return example.alone if example and example.alone in labels else next(iter(labels))


def _prediction(lesson: Lesson, labels: Mapping[str, str], *, known: bool) -> Prediction | None:
    for name in lesson.predict:
        question = QUESTIONS[name]
        if question.adapters <= len(labels) and (known or not question.needs_right):
            options = (
                [Option(adapter, label) for adapter, label in labels.items()]
                if question.of_adapters
                else [Option(key) for key in question.choices]
            )
            return Prediction(name, tuple(options))
    return None
