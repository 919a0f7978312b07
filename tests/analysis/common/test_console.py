"""What is printed cannot steer a terminal, and says the same."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=50)
@given(ANY)
def test_nothing_that_steers_is_left_and_json_says_the_same(text: str) -> None:
    assert not {unicodedata.category(one) for one in one_line(text)} & {"Cc", "Cs", "Zl", "Zp"}
    written = json_line([text])
    assert json.loads(written) == [text]
    written.encode()
    assert not {unicodedata.category(one) for one in written} & {"Cc", "Cs"}
