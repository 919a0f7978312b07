import threading

import pytest

from analysis.inference.decoding.steps import Step, Token
from app.state import answer_stream as module
from app.state.answer import Heading
from app.state.answer_stream import AnswerStream


def _step(index: int, *ids: int, end: str | None = None) -> Step:
    return Step(
        index,
        tuple(Token(row, id_, f"t{id_}", f"t{id_}", 0.5, end) for row, id_ in enumerate(ids)),
    )


def _stream() -> AnswerStream:
    return AnswerStream(1, [Heading("static", "Static"), Heading("qa-flora", "qa-FLoRA")], 1)


def test_the_first_token_that_differs_is_marked_once_and_for_good() -> None:
    answer_stream = _stream()
    answer_stream.push(_step(0, 7, 7))
    assert [row.first_difference for row in answer_stream.panel().rows] == [None, None]
    answer_stream.push(_step(1, 8, 9))
    answer_stream.push(_step(2, 9, 9))
    assert [row.first_difference for row in answer_stream.panel().rows] == [1, None]
    assert (
        answer_stream.panel().rows[0].difference_note == "first difference from the qa-FLoRA answer"
    )
    assert "first difference from the qa-FLoRA answer" in answer_stream.panel().sentence


def test_a_single_answer_has_no_difference() -> None:
    answer_stream = AnswerStream(1, [Heading("base", "Base")], 0)
    answer_stream.push(_step(0, 7))
    assert (
        answer_stream.panel().rows[0].first_difference is None
        and "difference" not in answer_stream.panel().sentence
    )


def test_a_panel_that_misses_updates_has_all_tokens_again_soon() -> None:
    """The panel's own rule: what it has it keeps, and a gap waits for the next whole update."""
    answer_stream = _stream()
    every_token: list[object] = []
    third: list[object] = []
    sizes = []
    for index in range(200):
        answer_stream.push(_step(index, index, index))
        row = answer_stream.update().rows[0]
        sizes.append(len(row.tokens))
        for panel, seen in ((every_token, True), (third, index % 9 == 0 or 50 < index < 60)):
            if seen and row.start <= len(panel):
                panel += row.tokens[len(panel) - row.start :]
        assert len(every_token) == index + 1
    assert every_token == answer_stream.panel().rows[0].tokens
    assert third == every_token[: len(third)] and len(third) > 190
    assert sum(sizes) < 200 * 201 / 2 / 4


def test_an_answer_that_ended_keeps_its_reason_when_others_are_stopped() -> None:
    answer_stream = _stream()
    answer_stream.push(
        Step(0, (Token(0, 1, "a", "a", 0.5, "end token"), Token(1, 2, "b", "b", 0.5, None)))
    )
    answer_stream.finish("stopped")
    facts = [row.facts for row in answer_stream.panel().rows]
    assert facts == ["finished · 1 token", "stopped · 1 token"]


def test_text_is_the_sum_of_the_deltas() -> None:
    answer_stream = _stream()
    answer_stream.push(_step(0, 1, 2))
    answer_stream.push(_step(1, 3, 4))
    rows = answer_stream.panel().rows
    assert rows[0].text == "t1t3" and sum(len(row.tokens) for row in rows) == 4


def test_a_step_that_is_pushed_while_the_answers_end_does_not_make_them_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_stream = _stream()
    inside, goes_on, finished = threading.Event(), threading.Event(), threading.Event()

    def held(text: str) -> str:
        inside.set()
        assert goes_on.wait(60)
        return text

    def finish() -> None:
        answer_stream.finish("stopped")
        finished.set()

    monkeypatch.setattr(module, "visible", held)
    threads = [
        threading.Thread(target=answer_stream.push, args=[_step(0, 1, 2)]),
        threading.Thread(target=finish),
    ]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    # The step is half written: the end waits for the rest of it.
    assert not finished.wait(0.2)
    goes_on.set()
    for thread in threads:
        thread.join(60)
    panel = answer_stream.panel()
    assert panel.state == "stopped"
    assert [row.end for row in panel.rows] == ["stopped", "stopped"]
    assert [len(row.tokens) for row in panel.rows] == [1, 1]
