"""Questions scored against runs: by hand on made-up runs, and on a tiny model's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.models.manifest import load_collection
from app.learn.learn_panel import RunNews
from app.learn.lesson_run import LessonRun
from app.learn.lesson_service import LessonService
from app.learn.lessons import load_lessons
from app.learn.questions import QUESTIONS
from app.learn.questions.outcome import Outcome
from app.learn.texts import load_interface
from app.services.tabs import TabContext
from app.state.answer import Verdict
from app.state.answers_panel import AnswerCard
from app.state.examples import load_examples
from app.state.link_fields import Field, LinkFields, number, query
from app.state.run import Check
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.widgets.labels import labels_of
from tests.app.visit import Visit
from tests.tiny import tiny_collection

NAMES, LABELS = ("math", "es", "code"), ("Mathematics", "Spanish", "Code")
DIVERGENCE = ((9.0, 0.0, 1.0), (0.3, 0.1, 0.1), (0.2, 0.6, 0.2))
WEIGHTS = ((0.9, 0.0, 0.1), (0.6, 0.2, 0.2), (0.2, 0.6, 0.2))
# The lens saturates in the first layer, whose numbers must not count.
PEAKS = (1.0, 0.5, 0.5)


def _card(text: str, right: bool | None = None, label: str = "") -> AnswerCard:
    tokens = tuple((word, 0.5, word) for word in text.split())
    verdict = None if right is None else Verdict(right, "")
    return AnswerCard(label, label, "", False, "", 0, tokens, "", "", None, "", verdict=verdict)


def _run(*answers: AnswerCard, copies: Check | None = None, cell: Any = None) -> LessonRun:
    snapshot = Snapshot("1", "q", NAMES, LABELS, DIVERGENCE, WEIGHTS, PEAKS, ViewSettings())
    return LessonRun(snapshot, answers, cell, copies)


def _outcome(name: str, run: LessonRun) -> Outcome:
    outcome = QUESTIONS[name].outcome(run)
    assert outcome is not None and outcome.ask == name
    assert {*outcome.facts, *outcome.numbers} <= set(QUESTIONS[name].facts)
    assert outcome.said in QUESTIONS[name].said
    if outcome.number is None:
        assert outcome.right and set(outcome.right) <= {one.key for one in outcome.options}
    return outcome


@pytest.mark.parametrize(
    ("first", "second", "key", "word"),
    [
        ("a b c", "x b c", "start", "x"),
        ("a b c", "a b y", "later", "y"),
        ("a b", "a b c", "later", "c"),
        ("a b", "a b", "never", ""),
        ("a b c", "a b", "later", ""),
    ],
)
def test_where_two_answers_part(first: str, second: str, key: str, word: str) -> None:
    run = _run(_card(first), _card(second))
    assert _outcome("parting", run).right == (key,)
    check = _outcome("parting-word", run)
    labels = {option.key: option.label for option in check.options}
    assert labels[check.right[0]] == word
    assert check.said == ("longer" if (first, word) == ("a b", "c") else "any" if word else
                          "end" if key == "later" else "never")  # fmt: skip
    shown = [label for label in labels.values() if label]
    assert len(set(shown)) == len(shown) == len(labels) - 2


def test_a_token_that_ends_an_answer_is_no_word_to_choose() -> None:
    ended = _card("a b")
    ended = replace(ended, tokens=(*ended.tokens, ("", 0.9, "<end>")))
    check = _outcome("parting-word", _run(_card("a b c"), ended))
    assert check.right == ("end",) and check.facts == {"first": "c", "second": ""}
    assert [option.label for option in check.options] == ["a", "b", "c", "", ""]
    # A part of a character has no text of its own either, but an answer goes on after it.
    part = replace(ended, tokens=(("", 0.5, "0xF0"), ("x", 0.5, "x")))
    check = _outcome("parting-word", _run(_card("a"), part))
    assert {option.key: option.label for option in check.options}[check.right[0]] == "0xF0"


def test_right_and_different_answers_are_counted() -> None:
    run = _run(_card("8", True, "A"), _card("8 .", False, "B"), _card("8", True, "C"))
    outcome = _outcome("right-answers", run)
    assert outcome.right == ("two",) and outcome.facts["right"] == "A, C"
    assert _outcome("different-answers", run).right == ("two",)
    assert QUESTIONS["right-answers"].outcome(_run(_card("8"), _card("9"))) is None


def test_adapters_are_compared_without_the_saturated_layer() -> None:
    run = _run()
    assert _outcome("mover", run).right == ("es",)  # 0.35 on average, mathematics 0.25
    assert _outcome("least-mover", run).right == ("code",)
    leaders = _outcome("leaders", run)
    assert leaders.right == ("two",) and leaders.facts["leaders"] == "Mathematics, Spanish"
    above = _outcome("above-static", run)  # 0.4, 0.4, 0.2 on average
    assert above.right == ("math", "es") and above.several


def test_the_weight_of_a_layer_is_asked_as_a_number() -> None:
    outcome = _outcome("weight", _run())
    assert outcome.number == 0.6 and outcome.cell == (1, 0)
    assert outcome.numbers["sum"] == "0.300 + 0.100 + 0.100"
    assert outcome.numbers["total"] == "0.500"
    # Small divergences are written out.
    small = replace(_run().snapshot, divergence=tuple(
        tuple(value / 23 for value in row) for row in DIVERGENCE))  # fmt: skip
    outcome = _outcome("weight", replace(_run(), snapshot=small))
    assert outcome.numbers["divergences"] == "Mathematics 0.0130; Spanish 0.0043; Code 0.0043"
    nothing = replace(small, divergence=((0.0, 0.0, 0.0),) * 3)
    assert QUESTIONS["weight"].outcome(replace(_run(), snapshot=nothing)) is None


def _copies(weights: tuple[tuple[float, ...], ...]) -> Check:
    numbers = {"weight": weights, "divergence": weights}
    return Check("copies", ("es", "zero", "duplicate", "doubled"), numbers, {})


@pytest.mark.parametrize(
    ("doubled", "key"), [(0.125, "less"), (0.25, "same"), (0.5, "twice"), (0.7, "more")]
)
def test_the_doubled_copy_gets_its_share(doubled: float, key: str) -> None:
    copies = _copies(((0.2, 0.0, 0.2, doubled), (0.3, 0.0, 0.3, doubled)))
    assert _outcome("doubled", _run(copies=copies)).right == (key,)


def test_copies_are_compared_by_their_mean_weights() -> None:
    copies = _copies(((0.2, 0.0, 0.2, 0.6), (0.3, 0.0, 0.3, 0.4)))
    assert _outcome("doubled", _run(copies=copies)).facts["copied"] == "Spanish"
    pair = _outcome("pair-share", _run(copies=copies))
    assert pair.number == pytest.approx(50)
    assert QUESTIONS["doubled"].outcome(_run()) is None


def _tokens(**shares: float) -> list[SimpleNamespace]:
    return [SimpleNamespace(id=ord(word), text=word, share=share, base=share)
            for word, share in shares.items()]  # fmt: skip


def test_the_largest_share_is_asked_of_another_cell_than_the_shown_one() -> None:
    # The largest divergence is that of mathematics in layer 0, and the page shows that cell.
    cells = {(0, 2): _tokens(a=0.7, b=0.2), (2, 1): _tokens(c=0.5, d=0.5)}
    run = _run(cell=lambda layer, place: SimpleNamespace(contributors=cells[layer, place]))
    outcome = _outcome("share", run)
    assert outcome.right == (str(ord("a")),) and outcome.cell == (0, 2)
    assert outcome.facts["adapter_of_cell"] == "Code" and outcome.numbers["share"] == "70%"
    # Where two tokens have the same share, the next adapter is asked about.
    cells = {(0, 2): cells[2, 1], (2, 1): cells[0, 2]}
    assert _outcome("share", replace(run, cell=lambda layer, place: SimpleNamespace(
        contributors=cells[layer, place]))).cell == (2, 1)  # fmt: skip
    both = replace(run.snapshot, view_settings=ViewSettings(position="both"))
    assert QUESTIONS["share"].outcome(replace(run, snapshot=both)) is None


def _layers(*tops: str) -> LessonRun:
    """A run in whose layers the base favours these tokens."""
    snapshot = Snapshot("1", "q", NAMES, LABELS, (DIVERGENCE[1],) * len(tops),
                        (WEIGHTS[1],) * len(tops), (0.5,) * len(tops), ViewSettings())  # fmt: skip
    cells = [SimpleNamespace(base_top=_tokens(**{top: 0.6, "z": 0.3})) for top in tops]
    return LessonRun(snapshot, (), lambda layer, place: cells[layer])


@pytest.mark.parametrize(
    ("tops", "third", "settled"), [("aaaaaa", "first", 0), ("abcccc", "middle", 2),
                                   ("ccbccc", "middle", 3), ("abcdec", "last", 5)],
)  # fmt: skip
def test_where_a_model_settles_on_its_word(tops: str, third: str, settled: int) -> None:
    run = _layers(*tops)
    outcome = _outcome("settled", run)
    assert outcome.right == (third,) and outcome.facts["layer"] == str(settled)
    assert outcome.facts["word"] == tops[-1] and outcome.facts["early"] == tops[0]
    same = _outcome("same-word", run)
    assert same.right == ("same" if tops[0] == tops[-1] else "other",) == (same.said,)


def test_a_layer_is_asked_about_whose_word_nobody_has_told() -> None:
    # The run's sentence tells the words of layers 0 and 4; the page shows the cell of layer 0.
    outcome = _outcome("layer-word", _layers("a", "b", "c", "d", "d"))
    assert outcome.cell == (2, 0) and outcome.facts == {"layer": "2", "word": "c"}
    assert outcome.numbers == {"share": "60%"}
    assert [option.label for option in outcome.options] == ["c", "z"]
    # Where there is no such word, a layer between.
    assert _outcome("layer-word", _layers("a", "a", "a", "a", "a")).cell == (3, 0)


def _service(visit: Visit) -> LessonService:
    examples = load_examples(visit.collection)
    links = SimpleNamespace(fields=LinkFields({
        "query": Field("q", query, ""),
        "new_tokens": Field("length", number(1, 512, whole=True), 64),
        "paint": Field("paint", str, ""),
    }))  # fmt: skip
    context: Any = SimpleNamespace(
        collection=visit.collection,
        labels=labels_of(visit.collection),
        loader=visit.loader,
        request_queue=visit.request_queue,
        query_service=visit.query_service,
        links=links,
    )
    typed: TabContext = context
    return LessonService(typed, load_lessons(), load_interface(), examples)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return Visit(load_collection(tiny_collection(tmp_path_factory.mktemp("learning"))))


@pytest.mark.parametrize("name", [lesson.id for lesson in load_lessons()])
def test_each_lesson_is_scored_against_its_own_run(visit: Visit, name: str) -> None:
    service, session = _service(visit), Session()
    (entry,) = (one for one in service.panel().lessons if one.id == name)
    assert entry.needs == 0 and entry.predict_own is not None
    ask = entry.predict_own.ask
    *_, news = service.run(session, name, "Say hello.", ask)
    assert isinstance(news, RunNews)
    outcome, check, snapshot = news.predict, news.check, session.snapshot
    assert outcome is not None and check is not None and snapshot is not None
    assert outcome.ask == ask
    # What can be predicted is what can come true.
    assert set(outcome.right) <= {option.key for option in entry.predict_own.options}
    assert "q=Say+hello." in news.link
    for texts in entry.texts.values():
        said = texts["ask"][outcome.ask]["said"][outcome.said]
        assert said.format(**entry.facts, **outcome.facts, **outcome.numbers)
        check_texts = texts["ask"][check.ask]
        assert check_texts["question"].format(**entry.facts, **check.facts, **check.numbers)
    if check.cell is not None:
        assert session.select(*check.cell)
    match check.ask:
        case "layer-word":
            # In the last layer, the lens reads the token that the base really writes.
            assert session.answer_stream is not None
            (card,) = session.answer_stream.panel().rows
            assert outcome.facts["word"] == card.tokens[0][2]
            assert "length=32" in news.link
        case "weight":
            layer, place = check.cell or (0, 0)
            row = snapshot.divergence[layer]
            assert check.number == pytest.approx(row[place] / sum(row))
        case "pair-share":
            # With a zero copy and a stronger one beside them, two equal copies lack some weight.
            assert check.number is not None and 0 < check.number < 100


def test_a_lesson_that_compares_adapters_says_that_it_needs_them(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path, adapters=("code",)))
    context: Any = SimpleNamespace(collection=collection, labels=labels_of(collection))
    service = LessonService(context, load_lessons(), load_interface(), ())
    needs = {entry.id: entry.needs for entry in service.panel().lessons}
    assert needs == {
        "adapter": 0, "layer": 0, "difference": 2, "weights": 2, "fusing": 2, "failure": 0,
    }  # fmt: skip


def test_own_weights_answer_beside_the_methods(visit: Visit) -> None:
    service, session = _service(visit), Session()
    *_, news = service.run(session, "fusing", "Say hello.", "")
    assert isinstance(news, RunNews) and "paint" not in news.link
    assert session.paint(0, 1, 1.0, "cell")
    *_, news = service.run(session, "fusing", "Say hello.", "", own_weights=True)
    assert isinstance(news, RunNews) and "paint=math%3A0%3D1" in news.further
    assert isinstance(news, RunNews) and session.answer_stream is not None
    assert len(session.answer_stream.panel().rows) == 4
    assert session.view_settings.show == "what-if"
    list(service.run(session, "fusing", "Say hello.", ""))
    assert len(session.answer_stream.panel().rows) == 3
