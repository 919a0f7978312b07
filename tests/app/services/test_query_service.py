"""Questions, view settings and robustness checks, without a browser."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis import methods as method_files
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.sizes import size_of
from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import Step
from analysis.inference.head import Head
from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS, normalise
from analysis.measure.trace import POSITIONS
from analysis.models.manifest import load_collection
from app.export import checks, files
from app.services.parting_service import show_parting
from app.services.robustness_service import check_copies, check_variants
from app.services.updates import Updates
from app.state.answer import Missing
from app.state.answers_panel import AnswersPanel
from app.state.examples import load_examples
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.views.grid.explanation_panel import arithmetic
from app.views.grid.grid_views import grid_view
from tests.added import added_file
from tests.answering import PacedAnswering
from tests.app.visit import Visit, last
from tests.forgetting import forget
from tests.lacking import LACKING
from tests.passes import Passes, unwatch
from tests.tiny import tiny_collection, tiny_engine

QUERY = "¿Cuántas manzanas tiene?"


@pytest.fixture(scope="module")
def shared_visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return Visit(load_collection(tiny_collection(tmp_path_factory.mktemp("asking"))))


@pytest.fixture
def visit(shared_visit: Visit) -> Visit:
    """A new visitor of a page that is already served and has kept nothing."""
    shared_visit.session = Session()
    forget(shared_visit.engine)
    return shared_visit


def _rows(shown: dict[str, Any]) -> list[str]:
    return [row.name for row in shown["answers"].rows]


def _answering(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Updates:
    """A question with two steps of its answers decoded, the second of them not shown yet.

    The third one comes only once the request has been ended.
    """
    session, answer = visit.session, visit.engine.answer
    second, halfway = threading.Event(), threading.Event()

    def held(*given: Any, **named: Any) -> PacedAnswering:
        monkeypatch.undo()  # for the next one, who is not held
        steps = answer(*given, **named)

        def paced() -> Generator[Step, None, None]:
            yield next(steps)
            assert second.wait(60)
            yield next(steps)
            halfway.set()
            while session.tickets.ended < 1:
                halfway.wait(0.01)
            yield from steps

        return PacedAnswering(steps, paced())

    monkeypatch.setattr(visit.engine, "answer", held)
    shown = visit.steps(QUERY, methods=("base", "qa-flora"), new_tokens=8)
    while not any(row.tokens for row in next(shown).get("answers", AnswersPanel.empty()).rows):
        pass
    second.set()
    assert halfway.wait(60)
    return shown


def test_costs_are_told_phase_by_phase_and_what_was_kept(visit: Visit) -> None:
    detail = visit.ask(QUERY)["status"].detail
    seconds = r"\d+\.\d s"
    costs = (
        rf"trace: {seconds} · divergence: {seconds} · answers: {seconds}, 8 tokens, "
        r"\d+\.\d per second"
    )
    assert re.fullmatch(costs, detail)
    again = visit.ask(QUERY)["status"].detail
    cached = "from the cache"
    assert again == f"trace: {cached} · divergence: {cached} · answers: {cached}"


def test_only_rows_that_have_not_answered_are_decoded(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[list[str]] = []
    answer = visit.engine.answer

    def counted(prompt: Any, rows: Any, **named: Any) -> Any:
        decoded.append([row.name for row in rows])
        return answer(prompt, rows, **named)

    monkeypatch.setattr(visit.engine, "answer", counted)
    first = visit.ask(QUERY, methods=("base", "qa-flora"))["answers"]
    # Another lens changes one of the rows; the base has no weights to change.
    visit.ask(QUERY, ViewSettings("raw"), methods=("base", "qa-flora"))
    assert visit.session.answer_record is not None
    assert [one.name for one in visit.session.answer_record.weights] == ["base", "qa-flora"]
    visit.ask(QUERY, methods=("base", "qa-flora", "static"))
    again = visit.ask(QUERY, methods=("base", "qa-flora"))["answers"]
    assert decoded == [["base", "qa-flora"], ["qa-flora"], ["static"]]
    assert [(row.text, row.end, row.first_difference) for row in again.rows] == [
        (row.text, row.end, row.first_difference) for row in first.rows
    ]
    # Draws are kept with their seed; a longer answer is another answer.
    for seed in (3, 3, 4):
        visit.ask(QUERY, methods=("base",), sampling=Sampling(1.0, 1.0, seed))
    visit.ask(QUERY, methods=("base",), new_tokens=5)
    assert decoded[3:] == [["base"]] * 3


def test_answers_are_compared_at_the_token_where_they_part(visit: Visit) -> None:
    # A rule that weighs each token, and constants.
    shown = visit.ask(QUERY, methods=("base", "arrow", "qa-flora"), new_tokens=8)["answers"]
    reference = shown.rows[2]
    for row in shown.rows[:2]:
        at = row.first_difference
        assert at is not None
        steps = show_parting(visit.loader, visit.request_queue, visit.session, row.name)
        panel = last(steps)["parting"]
        assert panel.title == f"Where {row.label} and {reference.label} part"
        for (label, _, listed), answer, other in zip(
            panel.answers, (row, reference), (reference, row), strict=True
        ):
            assert label == answer.label and len(listed) in (5, 6)
            # Decoding took the most probable token, and saw the same distribution.
            said, shares = listed[0], [one.share for one in listed]
            assert said.chosen and said.share == pytest.approx(answer.tokens[at][1], abs=1e-3)
            assert said.text == answer.tokens[at][2] and shares == sorted(shares, reverse=True)
            assert [one.text for one in listed if one.other] == [other.tokens[at][2]]
    visit.session.begin()  # while answers grow, nothing ends them
    assert not list(show_parting(visit.loader, visit.request_queue, visit.session, "base"))
    visit.session.stop()
    same = last(show_parting(visit.loader, visit.request_queue, visit.session, "qa-flora"))
    assert "the same as the reference" in same["status"].text


def test_ticking_adapters_divides_the_weights_anew_without_the_model(
    visit: Visit, passes: Passes
) -> None:
    query = f"{QUERY} {id(visit.session)} divided"
    visit.ask(query)
    session, service = visit.session, visit.view_service
    whole = session.snapshot
    assert whole is not None and session.run is not None and len(passes.layers) == 1
    service.select(session, 1, 2)
    service.paint(session, 2, 2, 0.25, "cell")
    before = session.cell
    last(visit.query_service.every_token(session))
    passes.layers.clear()
    update, fault = service.choose_adapters(session, ("math", "code"))
    narrow = session.snapshot
    assert narrow is not None and not fault and narrow.adapters == ("math", "code")
    for row, values in zip(narrow.weights, whole.divergence, strict=True):
        assert row == pytest.approx([value / sum(values[1:]) for value in values[1:]], abs=1e-9)
    # The selected and the painted cell stay those of their adapter.
    assert before == (2, 2) and session.cell == (2, 1) and narrow.places == (1, 2)
    assert session.what_if is not None and session.what_if.weights[2][1] == 0.25
    note = update["grid"].answer_note
    assert "among Math and Code" in note and "given with Spanish, Math and Code" in note
    assert update["grid"].other_adapters and len(update["tokens"].charts[0].table.columns) == 3
    assert passes.layers == []
    # The same numbers as of a trace of these adapters alone.
    own = visit.engine.divergence(visit.engine.trace(session.run.prompt, ("math", "code")))
    assert narrow.divergence == tuple(map(tuple, own.values_LK.tolist())) and passes.layers == []
    # Back to all; none at all is refused.
    service.choose_adapters(session, tuple(visit.names))
    assert session.snapshot is not None and session.snapshot.weights == whole.weights
    assert "at least one" in service.choose_adapters(session, ())[1]
    visit.names = ["math", "code"]
    try:
        visit.ask(f"{query} again")
    finally:
        visit.names = list(whole.adapters)
    update, fault = service.choose_adapters(session, whole.adapters)
    assert not update and fault == ("Spanish was not traced with this question: press Ask to add.")


def test_a_token_of_the_prompt_is_read_once_and_then_kept(visit: Visit, passes: Passes) -> None:
    query = f"{QUERY} {id(visit.session)} token"
    visit.ask(query)
    session, run = visit.session, visit.session.run
    assert run is not None
    token = run.prompt.query_first
    view_settings = ViewSettings(position=f"token:{token}")
    visit.view_service.change_settings(session, view_settings)
    passes.layers.clear()
    shown = last(visit.query_service.read_tokens_if_needed(session))
    assert len(passes.layers) == 1 and shown["prompt"].read == (token,)
    every = run.every_token("norm", "kl")
    assert every is not None and session.snapshot is not None
    values = every.values_LKT[:, :, token].tolist()
    assert session.snapshot.divergence == tuple(map(tuple, values))
    assert f"token {token} of the prompt" in shown["grid"].note
    assert not shown["explanation"].tokens and "Read at the token" in shown["explanation"].note
    # The next token is there; methods read where they did.
    view_settings = ViewSettings(position=f"token:{token + 1}")
    visit.view_service.change_settings(session, view_settings)
    assert not list(visit.query_service.read_tokens_if_needed(session))
    assert session.snapshot.view_settings == view_settings and len(passes.layers) == 1
    written = files.export("py", visit.collection, session).text
    assert f"divergence = every.at({token + 1})" in written
    far = visit.ask(query, ViewSettings(position="token:999"))
    assert far["status"].state == "error" and "Token 999 is to be read" in far["status"].text


def test_robustness_checks_are_saved_with_all_digits(visit: Visit) -> None:
    visit.ask(QUERY)
    session = visit.session
    last(check_variants(visit.loader, visit.request_queue, session, "How many apples?"))
    last(check_copies(visit.loader, visit.request_queue, session))
    saved = checks.export_check("json", "variants", visit.collection, session)
    assert saved.name == "fusion-lens-cuántas-manzanas-tiene-variants.json"
    content = json.loads(saved.text)
    assert content["variants"] == [QUERY, "How many apples?"]
    assert content["columns"] == visit.names and content["settings"]["lens"] == "norm"
    both = [
        normalise(visit.engine.divergence(visit.engine.trace(one)).values_LK)
        for one in content["variants"]
    ]
    mean = ((both[0] + both[1]) / 2).tolist()
    for row, expected in zip(content["mean"], mean, strict=True):
        assert row == pytest.approx(expected, abs=1e-12)
    rows = list(
        csv.DictReader(
            io.StringIO(checks.export_check("csv", "copies", visit.collection, session).text)
        )
    )
    assert len(rows) == visit.engine.layers * 4 and rows[1]["copy"] == "zero"
    assert float(rows[1]["divergence"]) == 0.0 and rows[0]["metric"] == "kl"
    visit.view_service.change_settings(session, ViewSettings("raw"))
    with pytest.raises(InputError, match="has changed since this check"):
        checks.export_check("csv", "copies", visit.collection, session)


def test_a_pin_keeps_its_answers_and_its_grid_beside_the_next_run(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list(visit.steps(QUERY))
    # One update frees the buttons and says that all is done.
    assert steps[-1]["status"].state == "done" and steps[-1]["busy"] is False
    assert [step["status"].state for step in steps[:-1] if "status" in step].count("done") == 0
    first = steps[-1]["answers"]
    pinned = visit.session.snapshot
    assert pinned is not None
    update = visit.view_service.pin(visit.session)
    assert not update["pinned_answers"].rows, "they are the answers of the page"
    same = visit.ask(QUERY, ViewSettings("raw"))["pinned_answers"]
    assert same.beside == "norm lens" and len(same.rows) == len(first.rows)
    with monkeypatch.context() as fewer:
        fewer.setattr(visit, "names", visit.names[1:])
        few = visit.ask(QUERY, ViewSettings())["pinned_answers"]
    assert few.beside == "with Spanish, Math and Code"
    shown = visit.ask("How many pears?", ViewSettings("raw", show="beside"))
    assert not shown["pinned_answers"].beside
    assert [row.text for row in shown["pinned_answers"].rows] == [row.text for row in first.rows]
    assert "“¿Cuántas manzanas tiene?”, norm lens" in shown["pinned_answers"].caption
    (chart,) = shown["pinned_grid"].charts
    weights = [[f"{value:.2f}" for value in row] for row in pinned.weights]
    assert [row[1:] for row in chart.table.rows] == weights
    assert shown["grid"].title.startswith("How much each adapter changes the model")
    update = visit.view_service.pin(visit.session)
    assert not update["pinned_answers"].rows and not update["pinned_grid"].charts
    assert visit.session.view_settings.show == "weights"


def test_methods_tell_their_progress_and_can_be_stopped(visit: Visit) -> None:
    # The grid shows another lens, so that nobody has read qa-FLoRA's own divergence.
    settings = AnswerSettings(("qa-flora",), 4, Sampling(), "raw")
    query, told = f"{QUERY} {id(visit.session)}", []
    drawn = False
    for changes in visit.query_service.ask(
        visit.session, query, visit.names, ViewSettings("norm"), lambda: settings
    ):
        if drawn and "status" in changes:
            told.append(changes["status"].text)
            visit.session.stop()
        drawn = drawn or "grid" in changes
    assert told == ["Reading the layers", "Stopped. Ask again whenever you like."]


def test_shown_and_painted_weights_answer_too(visit: Visit) -> None:
    view_settings = ViewSettings(normalisation="top-1")
    assert _rows(visit.ask(QUERY, view_settings)) == ["base", "static"]
    assert _rows(visit.ask(QUERY, view_settings, with_shown=True)) == ["base", "static", "shown"]
    assert visit.session.answer_record is not None and visit.session.snapshot is not None
    weights = [list(row) for row in visit.session.answer_record.weights[2].mean]
    assert weights == [list(row) for row in visit.session.snapshot.weights]
    assert {value for row in weights for value in row} == {0.0, 1.0}
    visit.view_service.paint(
        visit.session, 0, 0, 0.5, "cell"
    )  # by nobody: the grid is not painted on
    visit.view_service.change_settings(visit.session, ViewSettings(show="what-if"))
    visit.view_service.paint(visit.session, 0, 1, 0.5, "layer")
    assert _rows(visit.ask(QUERY, ViewSettings(show="what-if"))) == ["base", "static", "what-if"]
    shown = visit.ask(QUERY, view_settings, with_shown=True)
    assert _rows(shown) == ["base", "static", "what-if", "shown"]
    assert visit.session.answer_record.weights[2].mean[0] == (0.5, 0.5, 0.5)
    visit.view_service.reset_painting(visit.session)
    assert _rows(visit.ask(QUERY, view_settings)) == ["base", "static"]


def test_every_token_has_a_price_until_it_is_read(visit: Visit) -> None:
    visit.ask(f"{QUERY} {id(visit.session)} price")
    run = visit.session.run
    assert run is not None and run.every_token_seconds is not None
    assert re.fullmatch(r"about [1-9]\d* s", run.every_token_cost("norm", "kl"))
    last(visit.query_service.every_token(visit.session))
    assert run.every_token_cost("norm", "kl") == ""
    assert run.every_token_cost("raw", "kl").startswith("about ")
    visit.ask(run.query)
    assert visit.session.run is not None
    assert visit.session.run.every_token_seconds is None, "the cache says nothing about time"


def test_answers_that_no_longer_fit_the_grid_say_so(visit: Visit) -> None:
    shown = visit.ask(QUERY, methods=("base", "qa-flora"))
    assert [row.of_divergence for row in shown["answers"].rows] == [False, True]
    assert shown["grid"].answer_note == ""
    update = visit.view_service.change_settings(visit.session, ViewSettings(lens="raw"))
    assert update["grid"].answer_note == (
        "The grid now shows weights with raw lens; the answers below were given with norm lens."
    )
    update = visit.view_service.change_settings(visit.session, ViewSettings(show="divergence"))
    assert update["grid"].answer_note == ""


def test_without_qa_flora_answers_are_compared_with_the_first(visit: Visit) -> None:
    shown = visit.ask(QUERY, methods=("base", "adapter:math"), new_tokens=32)
    assert "first difference from the Base answer" in shown["answers"].sentence
    shown = visit.ask(QUERY, methods=("base", "qa-flora"))
    assert "first difference from the qa-FLoRA answer" in shown["answers"].sentence
    assert "difference" not in visit.ask(QUERY, methods=("base",))["answers"].sentence


def test_a_seventh_answer_is_refused_and_nothing_is_lost(visit: Visit) -> None:
    six = ("base", "static", "sum", "qa-flora", "adapter:math", "adapter:code")
    shown = visit.ask(QUERY, methods=six)
    assert len(shown["answers"].rows) == 6
    before = visit.session.run
    refused = visit.ask("another question", methods=six, with_shown=True)
    assert refused["status"].state == "error"
    assert "You chose 7 answers (including “Shown weights”), but" in refused["status"].text
    assert "answers" not in refused and "grid" not in refused
    assert visit.session.run is before and not refused["busy"]


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "lacking.py", LACKING):
        yield


@pytest.mark.usefixtures("lacking")
def test_a_method_that_cannot_answer_says_why_and_the_others_answer(visit: Visit) -> None:
    shown = visit.ask(QUERY, methods=("base", "lacking", "static"))
    assert _rows(shown) == ["base", "static"] and shown["status"].text == "Done"
    assert all(row.text and row.method == row.name for row in shown["answers"].rows)
    (missing,) = shown["answers"].missing
    assert missing == Missing(
        "lacking", "Lacking", "lacking", "It needs methods/lacking.safetensors: fit it."
    )
    exported = json.loads(files.export("json", visit.collection, visit.session).text)["answers"]
    assert exported["unavailable"] == {"lacking": missing.reason}
    assert [row["name"] for row in exported["rows"]] == ["base", "static"]
    page = files.export("html", visit.collection, visit.session).text
    assert f"Cannot answer: {missing.reason}" in page
    snippet = files.export("py", visit.collection, visit.session).text
    assert "fuse(['base', 'static']" in snippet and "lacking" not in snippet


@pytest.mark.usefixtures("lacking")
def test_where_no_method_can_answer_the_page_says_so(visit: Visit) -> None:
    shown = visit.ask(QUERY, methods=("lacking",))
    assert not shown["answers"].rows and len(shown["answers"].missing) == 1
    assert shown["answers"].state == "done"
    assert shown["status"].text == "Done. None of the selected methods can answer."
    # The weights of the grid have a row of their own.
    shown = visit.ask(QUERY, methods=("lacking",), with_shown=True)
    assert _rows(shown) == ["shown"] and len(shown["answers"].missing) == 1
    assert shown["answers"].rows[0].method == ""


def test_an_adapter_that_is_not_fused_can_answer_alone(visit: Visit) -> None:
    visit.names = ["spanish", "code"]
    shown = visit.ask(QUERY, methods=("qa-flora", "adapter:math"))
    visit.names = ["spanish", "math", "code"]
    assert _rows(shown) == ["qa-flora", "adapter:math"]
    assert shown["status"].state == "done"


def test_mean_over_the_query_is_read_once_for_each_lens_and_metric(visit: Visit) -> None:
    mean = ViewSettings(position="mean")
    visit.ask(QUERY)
    assert not visit.query_service.needs_model(visit.session)
    shown = visit.view_service.change_settings(visit.session, mean)
    assert visit.query_service.needs_model(visit.session)
    assert "read every token" in shown["status"].text
    assert "last token of the query" in shown["grid"].note  # still what it says it is
    shown = last(visit.query_service.every_token(visit.session))
    assert "equal weights, without the prompt form" in shown["grid"].note
    run, snapshot = visit.session.run, visit.session.snapshot
    assert run is not None and snapshot is not None
    prompt = run.prompt
    values_LKT = visit.engine.every_token(prompt).values_LKT
    mean_LK = values_LKT[:, :, prompt.query_first : prompt.query_last + 1].mean(dim=2)
    assert snapshot.divergence == tuple(tuple(row) for row in mean_LK.tolist())
    # Every token of this reading is there; of another lens it is not, and back again it is.
    visit.view_service.change_settings(
        visit.session, ViewSettings(position="mean", normalisation="root")
    )
    assert not visit.query_service.needs_model(visit.session)
    visit.view_service.change_settings(visit.session, ViewSettings("raw", position="mean"))
    assert visit.query_service.needs_model(visit.session)
    assert not visit.view_service.change_settings(visit.session, ViewSettings("raw"))["tokens"].id
    assert visit.view_service.change_settings(visit.session, mean)["tokens"].id
    # A new run brings it along where the question is the same.
    asked = visit.ask(QUERY, mean)
    assert asked["status"].detail.startswith("trace: from the cache · divergence: from the cache")


@pytest.mark.parametrize("meanwhile", ["trace", "divergence"])
def test_newest_view_settings_win_over_the_request(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    visit.ask(QUERY)
    work = getattr(visit.engine, meanwhile)
    wanted = ViewSettings("raw", "divergence", "mean")

    def looked(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        visit.view_service.change_settings(visit.session, wanted)
        return work(*given, **named)

    monkeypatch.setattr(visit.engine, meanwhile, looked)
    shown = visit.ask(f"{QUERY} {meanwhile} {id(visit.session)}", ViewSettings())
    assert visit.session.snapshot is not None and visit.session.snapshot.view_settings == wanted
    assert "raw lens" in shown["grid"].note and "equal weights" in shown["grid"].note
    assert shown["tokens"].id


def test_a_grid_of_another_run_or_of_older_settings_is_made_again(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask("before")
    divergence, run = visit.engine.divergence, visit.session.run

    def slow(*given: Any) -> Any:
        monkeypatch.undo()
        visit.ask(QUERY, ViewSettings())  # a trace ends while a lens reads the one before
        visit.session.change_settings(ViewSettings(metric="js"))
        return divergence(*given)

    monkeypatch.setattr(visit.engine, "divergence", slow)
    shown = visit.view_service.change_settings(visit.session, ViewSettings("raw"))
    assert visit.session.run is not run and visit.session.snapshot is not None
    assert (visit.session.snapshot.query, visit.session.snapshot.view_settings.metric) == (
        QUERY,
        "js",
    )
    assert "Jensen–Shannon" in shown["grid"].note


def test_a_new_question_clears_what_was_tried_with_the_one_before(visit: Visit) -> None:
    view_settings = ViewSettings()
    visit.ask(QUERY, view_settings)
    kept = visit.view_service.change_settings(visit.session, ViewSettings(show="divergence"))
    assert "variants" not in kept and "copies" not in kept  # only drawn otherwise
    assert "variants" not in visit.ask(QUERY, view_settings)
    for shown in (
        visit.view_service.change_settings(visit.session, ViewSettings("raw")),
        visit.ask("another", ViewSettings("raw")),
    ):
        assert not shown["variants"].id and not shown["copies"].id


def test_where_no_answer_is_asked_for_none_stays(visit: Visit) -> None:
    visit.ask(QUERY)
    shown = visit.ask("another question", methods=())
    assert shown["answers"].rows == ()
    assert shown["answers"].run == visit.session.tickets.newest


def test_what_was_tried_with_numbers_that_are_gone_is_not_shown(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask(QUERY)
    copies = visit.engine.copies

    def meanwhile(*given: Any) -> Any:
        visit.view_service.change_settings(visit.session, ViewSettings(metric="js"))
        return copies(*given)

    monkeypatch.setattr(visit.engine, "copies", meanwhile)
    shown = last(_copies(visit))
    assert "copies" not in shown and "check again" in shown["status"].text


def test_a_second_question_ends_the_first_which_says_no_more(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a second chip, Enter, or run of the history, while the first one still answers."""
    first = _answering(visit, monkeypatch)
    shown = visit.ask("And another one?")
    assert shown["status"].state == "done" and not shown["busy"]
    assert list(first) == []
    assert visit.session.snapshot is not None and visit.session.snapshot.query == "And another one?"


def test_answers_that_a_question_in_vain_ended_are_shown_as_stopped(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _answering(visit, monkeypatch)
    assert visit.ask(" ")["status"].state == "error"
    left = last(first)
    assert set(left) == {"answers"} and left["answers"].state == "stopped"


def test_the_mean_waits_for_the_answers_and_is_then_read(visit: Visit) -> None:
    mean = ViewSettings(position="mean", metric="hellinger")
    steps = visit.query_service.then_read_tokens(
        visit.session, visit.steps(f"{QUERY} {id(visit.session)}")
    )
    while "grid" not in next(steps):
        pass
    visit.view_service.change_settings(visit.session, mean)
    assert (
        list(visit.query_service.read_tokens_if_needed(visit.session)) == []
    )  # the answers are not ended for it
    shown = last(steps)
    assert [row.end for row in shown["answers"].rows] == ["length"] * 2
    assert shown["status"].state == "done" and not shown["busy"]
    assert visit.session.snapshot is not None and visit.session.snapshot.view_settings == mean


def test_a_question_asked_while_the_mean_begins_is_not_ended(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask(f"{QUERY} {id(visit.session)}")
    visit.view_service.change_settings(visit.session, ViewSettings(position="mean"))
    service, asked = visit.query_service, []
    every_token = service.every_token

    def late(session: Session, *given: Any) -> Updates:
        asked.append(session.begin())
        yield from every_token(session, *given)

    monkeypatch.setattr(service, "every_token", late)
    last(service.read_tokens_if_needed(visit.session))
    visit.session.check(*asked)


def test_a_mean_that_is_no_longer_wanted_makes_way_for_another(visit: Visit) -> None:
    visit.ask(f"{QUERY} {id(visit.session)}")
    visit.view_service.change_settings(visit.session, ViewSettings(position="mean", metric="js"))
    first = visit.query_service.read_tokens_if_needed(visit.session)
    assert next(first)["busy"]
    wanted = ViewSettings(position="mean", metric="reverse-kl")
    visit.view_service.change_settings(visit.session, wanted)
    last(visit.query_service.read_tokens_if_needed(visit.session))
    assert visit.session.snapshot is not None and visit.session.snapshot.view_settings == wanted
    assert "grid" not in last(first)


def _variants(visit: Visit) -> Updates:
    return check_variants(visit.loader, visit.request_queue, visit.session, "eins\nzwei")


def _copies(visit: Visit) -> Updates:
    return check_copies(visit.loader, visit.request_queue, visit.session)


@pytest.fixture
def passes(visit: Visit) -> Iterator[Passes]:
    """The engine's forward passes."""
    yield Passes(visit.engine)
    unwatch(visit.engine)


@pytest.mark.parametrize("begin", [_variants, _copies])
def test_variants_and_copies_stop_when_they_are_told_to(
    visit: Visit, begin: Callable[[Visit], Updates]
) -> None:
    visit.ask(f"{QUERY} {id(visit.session)}")
    passes = Passes(visit.engine, on_layer=visit.session.stop)
    try:
        shown = last(begin(visit))
        passes.wait_until_idle()
    finally:
        unwatch(visit.engine)
    assert shown["status"].state == "stopped" and not shown["busy"]
    assert passes.layers == [1]
    assert "variants" not in shown and "copies" not in shown


def test_after_a_stopped_answer_the_next_is_exact(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = _answering(visit, monkeypatch)
    visit.session.stop()
    left = last(steps)["answers"]
    assert left.state == "stopped" and [len(row.tokens) for row in left.rows] == [2, 2]
    query = f"And now? {id(visit.session)}"
    asked = {"methods": ("base", "qa-flora"), "new_tokens": 6}
    found = visit.ask(query, **asked)["answers"].rows
    snapshot = visit.session.snapshot
    fresh = Visit(visit.collection)
    expected = fresh.ask(query, **asked)["answers"].rows
    assert fresh.session.snapshot is not None and snapshot is not None
    assert snapshot.divergence == fresh.session.snapshot.divergence
    assert [row.tokens for row in found] == [row.tokens for row in expected]


def test_every_token_stops_when_it_is_told_to(visit: Visit) -> None:
    visit.ask(QUERY)
    visit.view_service.change_settings(
        visit.session, ViewSettings("raw", metric="js", position="mean")
    )
    steps = visit.query_service.every_token(visit.session)
    assert next(steps)["busy"]
    visit.session.stop()
    assert last(steps)["status"].state == "stopped"
    assert visit.query_service.needs_model(visit.session)


def test_layers_that_are_shown_are_those_of_words_numbers_and_files(visit: Visit) -> None:
    grid = visit.ask(QUERY, ViewSettings(span="1-2"))["grid"]
    assert (grid.first, grid.layers, len(grid.cells)) == (1, 2, 2)
    assert grid.descriptions[0][0].startswith("layer 1, Spanish: ")
    assert grid.figure["data"][0]["y"] == [1, 2] and grid.selected[0] in (1, 2)
    assert "layers 1–2 of 3" in grid.note
    assert not visit.session.select(0, 0) and visit.session.select(2, 0)
    (profile,) = visit.view_service.panels(visit.session)["profile"].charts
    assert profile.figure["data"][0]["x"] == [1, 2]


def test_a_waiting_request_is_told_its_place_in_the_queue(visit: Visit) -> None:
    places = [visit.request_queue.entry() for _ in range(visit.request_queue.served)]
    for place in places:
        place.__enter__()
    steps = visit.query_service.ask(Session(), QUERY, visit.names, ViewSettings(), lambda: None)  # type: ignore[arg-type, return-value]
    assert next(steps)["busy"]
    said = next(steps)["status"].text
    assert said == "Number 1 in the queue"
    steps.close()
    for place in places:
        place.__exit__(None, None, None)


def test_copies_teach_in_words_and_numbers(visit: Visit) -> None:
    visit.ask(QUERY)
    visit.session.select(0, 1)
    shown = last(check_copies(visit.loader, visit.request_queue, visit.session))
    view = shown["copies"]
    (drawn,) = view.charts
    assert drawn.title == "Math beside copies of itself"
    zero, twin, doubled = view.sentences[:3]
    assert "its divergence is 0 in every layer, and its mean weight is 0.00" in zero
    assert "the same divergence" in twin and "times the adapter's own" in doubled
    cells = [row[1:] for row in drawn.table.rows]
    written = drawn.figure["data"][-1]["text"]
    assert written == [cell for row in cells for cell in row]
    assert [row[1] for row in cells] == ["0.00  (0)"] * 3
    assert [row[0] for row in cells] == [row[2] for row in cells]
    assert shown["status"].state == "done"


def test_variants_are_named_and_their_noise_is_said(visit: Visit) -> None:
    view_settings = ViewSettings(span="2")
    visit.ask(QUERY, view_settings)
    shown = last(check_variants(visit.loader, visit.request_queue, visit.session, "eins\nzwei"))
    (drawn,) = shown["variants"].charts
    assert drawn.title == "Mean and spread over 3 variants"
    assert "“eins”" in shown["variants"].sentences[1]
    assert drawn.figure["data"][0]["y"] == [2] and drawn.table.rows[0][0] == "2"


def test_numbers_that_are_read_ahead_are_shown_without_model_or_head(
    visit: Visit, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask(QUERY)
    assert visit.engine.background.wait_until_done(60)
    passes.layers.clear()
    # A divergence or a cell would call the head.
    monkeypatch.setattr(Head, "logits", None)
    ways = itertools.product(metrics(), POSITIONS, NORMALISATIONS)
    for metric, position, normalisation in ways:
        view_settings = ViewSettings(metric=metric, position=position, normalisation=normalisation)
        shown = visit.view_service.change_settings(visit.session, view_settings)
        assert "status" not in shown
        assert shown["explanation"].tokens and shown["grid"].id
    assert passes.layers == []


def test_a_rules_weights_are_shown_with_their_spread_and_exported(visit: Visit) -> None:
    shown = visit.ask(f"{QUERY} {id(visit.session)}", methods=("static", "arrow"))
    (chart,) = shown["rule_weights"].charts
    record = visit.session.answer_record
    assert record is not None
    static, arrow = record.weights
    assert static.deviation is None and arrow.deviation is not None
    trace = chart.figure["data"][0]
    assert trace["z"] == [list(row) for row in arrow.mean]
    assert (
        chart.figure["data"][-1]["text"][0]
        == f"{arrow.mean[0][0]:.2f} ± {arrow.deviation[0][0]:.2f}"
    )
    assert max(max(row) for row in arrow.deviation) > 0
    content = json.loads(files.export("json", visit.collection, visit.session).text)
    row = content["answers"]["rows"][1]
    assert (row["name"], row["adapters"]) == ("arrow", list(arrow.adapters))
    assert row["weights"] == [list(one) for one in arrow.mean]
    assert row["weights_deviation"] == [list(one) for one in arrow.deviation]
    assert content["answers"]["rows"][0]["weights_deviation"] is None
    assert not visit.ask(f"{QUERY} {id(visit)}", methods=("static",))["rule_weights"].charts


def test_a_run_that_is_no_longer_kept_says_how_to_go_on(tmp_path: Path) -> None:
    limits = Limits(kept_bytes=60_000)
    engine, _, _ = tiny_engine(tmp_path, {"spanish": {}, "math": {}}, limits=limits)
    runs = []
    for number in range(40):
        prompt = engine.prompt(f"{QUERY} {number}")
        trace = engine.trace(prompt)
        settings = AnswerSettings(("base",), 4, Sampling(), "norm")
        run = Run(number, "q", prompt, trace.adapters, settings, engine.computation, engine)
        assert run.trace is trace
        runs.append(run)
    with pytest.raises(InputError, match=r"no longer kept.*ask it again"):
        _ = runs[0].trace
    assert runs[-1].trace.prompt == runs[-1].prompt
    # Whatever many visitors asked, their runs hold names and prompts, no states.
    assert sum(size_of(run.prompt, run.adapters) for run in runs) < 40 * 20_000


def test_the_page_keeps_the_grid_of_a_run_whose_trace_is_no_longer_kept(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask(f"{QUERY} {id(visit.session)}")
    before = visit.session.snapshot
    assert before is not None
    monkeypatch.setattr(visit.engine, "kept_trace", lambda *given: None)
    # Settings that need no other divergence, strokes and cells work on the grid's own numbers.
    changed = visit.view_service.change_settings(visit.session, ViewSettings(span="1-2"))
    assert "status" not in changed and changed["explanation"].tokens == ()
    assert visit.session.snapshot.divergence == before.divergence
    assert visit.view_service.select(visit.session, 1, 1)["explanation"].cell == (1, 1)
    painted = visit.view_service.paint(visit.session, 1, 0, 0.25, "cell")
    assert painted["grid"].id and visit.session.what_if.weights[1][0] == 0.25
    # Another metric needs the trace: the grid stays, and the status line says why.
    shown = visit.view_service.change_settings(visit.session, ViewSettings(metric="js"))
    assert shown["status"].state == "error" and "ask it again" in shown["status"].text
    assert visit.session.snapshot.view_settings.metric == "kl"


def test_a_stroke_that_a_newer_one_has_overtaken_leaves_the_drawing_to_it(visit: Visit) -> None:
    visit.ask(QUERY)
    visit.view_service.change_settings(visit.session, ViewSettings(show="what-if"))
    drawn: dict[int, Any] = {}

    def paint(layer: int) -> None:
        drawn[layer] = visit.view_service.paint(visit.session, layer, 0, 0.25, "cell", layer)

    threads = [threading.Thread(target=paint, args=(layer,)) for layer in (1, 2)]
    with visit.session.painting:  # both have painted before the first of them draws
        for thread in threads:
            thread.start()
            while len(visit.session.what_if.strokes) <= threads.index(thread):
                thread.join(0.01)
    for thread in threads:
        thread.join(60)
    assert drawn[1] == {} and [row[0] for row in drawn[2]["grid"].cells[1:]] == ["0.25", "0.25"]


def test_panels_of_an_older_moment_can_be_told_from_those_of_a_newer_one(visit: Visit) -> None:
    visit.ask(QUERY, ViewSettings(position="mean"))
    one, other = (visit.view_service.panels(visit.session) for _ in range(2))
    selected = visit.view_service.select(visit.session, 1, 1)
    for name in ("grid", "profile", "explanation", "tokens", "prompt", "pinned_grid"):
        assert 0 < one[name].moment < other[name].moment
    for name in ("explanation", "tokens"):
        assert other[name].moment < selected[name].moment


def test_a_trace_that_is_too_large_to_keep_serves_its_own_request(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = visit.engine.kept.refuses
    monkeypatch.setattr(visit.engine.kept, "refuses", lambda key: True)
    query = f"{QUERY} {id(visit.session)}"
    shown = visit.ask(query, methods=("base", "qa-flora"))
    assert shown["status"].state == "done", shown["status"]
    assert _rows(shown) == ["base", "qa-flora"] and all(row.tokens for row in shown["answers"].rows)
    assert shown["explanation"].tokens
    # Afterwards the page says why the numbers are gone, and does not blame other visitors.
    monkeypatch.setattr(visit.engine.kept, "refuses", usual)
    changed = visit.view_service.change_settings(visit.session, ViewSettings(lens="raw"))
    assert "too large to keep" in changed["status"].text
    assert changed["grid"].cells == shown["grid"].cells


def test_a_signal_and_what_is_usual_are_read_once_and_then_shown(visit: Visit) -> None:
    visit.ask(QUERY)
    relative = ViewSettings(signal="change", relative=True)
    update = visit.view_service.change_settings(visit.session, relative)
    assert "model has to run" in update["status"].text
    shown = visit.session.snapshot
    assert shown is not None and shown.view_settings.plain, "until then, the divergence as it is"
    assert visit.query_service.needs_model(visit.session)
    last(visit.query_service.read_tokens_if_needed(visit.session))
    assert not visit.query_service.needs_model(visit.session)
    shown = visit.session.snapshot
    assert shown is not None and shown.view_settings == relative
    run, engine = visit.session.run, visit.loader.engine
    assert run is not None and engine is not None
    found = engine.relevance(run.trace, settings=relative.weight_settings)
    assert shown.divergence == tuple(map(tuple, found.values_LK.tolist()))
    assert found.usual_LK is not None and shown.usual == tuple(map(tuple, found.usual_LK.tolist()))
    lines = arithmetic(shown, 1, 0)
    assert lines[1].startswith("Size of the change: mean of ‖ΔW x‖ / ‖W x‖ = ")
    assert lines[2].startswith("over its usual, the mean of neutral queries: ")
    assert " × its usual " in grid_view(shown).hover(1, 0)[1]
    entropy = ViewSettings(signal="entropy", position="mean")
    visit.view_service.change_settings(visit.session, entropy)
    assert visit.session.snapshot is not None and not visit.query_service.needs_model(visit.session)
    assert visit.session.snapshot.view_settings.unit == " nats"


def test_of_many_adapters_a_shortlist_is_traced_and_the_page_says_so(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.measure.relevance.shortlist.LONGEST", len(visit.names) - 1)
    monkeypatch.setattr(Engine.shortlist, "__defaults__", (None, 2, None, None))
    shown = visit.ask(f"{QUERY} many")
    run = visit.session.run
    assert run is not None and len(run.adapters) == 2
    assert len(run.adapters) + len(run.left_out) == len(visit.names)
    assert f"A shortlist of 2 of {len(visit.names)} adapters is traced" in shown["grid"].note
    assert shown["grid"].note.count("Left out: ") == 1


def test_on_a_public_server_a_question_is_kept_for_its_visitor_alone(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, examples = visit.engine, load_examples(visit.collection)
    monkeypatch.setattr(engine, "limits", replace(engine.limits, private=True))
    monkeypatch.setattr(visit.query_service, "_examples", examples)

    def cached(query: str) -> bool:
        return str(visit.ask(query)["status"].detail).startswith("trace: from the cache")

    first, own = visit.session, f"Who reads this? {id(visit.session)}"
    cached(examples[1].query)
    assert not cached(own) and cached(own)
    assert last(_variants(visit))["status"].state == "done"
    visit.session = Session()
    assert not cached(own)
    assert cached(examples[1].query)
    visit.session = first
    assert cached(own)
