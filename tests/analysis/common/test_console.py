"""What is printed cannot steer a terminal, and says the same."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.common import console
from analysis.common.console import json_line, lines, one_line

ANY = st.text(st.characters(categories=["C", "L", "Z", "S"], include_characters="\x1b\x9b\u202e"))


def test_escape_codes_and_breaks_become_visible() -> None:
    assert one_line("x\nIt can be mixed.\x1b[2J\x9b1m\u202e") == "x�It can be mixed.�[2J�1m�"
    assert (
        one_line("María 中\u3000文 می\u200cخواهم 👩\u200d🔬")
        == "María 中\u3000文 می\u200cخواهم 👩\u200d🔬"
    )
    assert lines("a\n\tb\r\x1b[2J") == "a\n\tb��[2J"
    assert json_line({"ä": "中\x9b\ud800"}) == '{"ä": "中\\u009b\\ud800"}'


@pytest.mark.parametrize(("seconds", "counts"), [(3600.0, 1), (0.0, 3)])
def test_a_log_gets_each_phase_and_few_of_its_counts(
    seconds: float,
    counts: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", seconds)
    answers = [f"answer {number} of 3" for number in (1, 2, 3)]
    with console.progress_bar() as report:
        for phase in ("loading", "loading", *answers, "losses", answers[0]):
            report(phase, 0.5)
    expected = ["loading", *answers[:counts], "losses", answers[0]]
    assert capsys.readouterr().err.splitlines() == expected


@settings(max_examples=50)
@given(ANY)
def test_nothing_that_steers_is_left_and_json_says_the_same(text: str) -> None:
    assert not {unicodedata.category(one) for one in one_line(text)} & {"Cc", "Cs", "Zl", "Zp"}
    written = json_line([text])
    assert json.loads(written) == [text]
    written.encode()
    assert not {unicodedata.category(one) for one in written} & {"Cc", "Cs"}
