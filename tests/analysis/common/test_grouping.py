"""Texts are grouped by length: each once, in order, within the tokens of a pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.common.grouping import grouped_by_length


def test_groups_by_hand() -> None:
    assert grouped_by_length([5, 2, 9, 2, 3], 10) == [[1, 3, 4], [0], [2]]
    # Equal lengths keep their order, and a text longer than a pass is alone.
    assert grouped_by_length([4, 4, 4, 40], 8) == [[0, 1], [2], [3]]
    assert grouped_by_length([], 8) == []


@given(st.lists(st.integers(1, 60)), st.integers(1, 200))
def test_each_text_comes_once_and_no_group_is_too_large(lengths: list[int], tokens: int) -> None:
    groups = grouped_by_length(lengths, tokens)
    order = [place for group in groups for place in group]
    assert order == sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
    for group in groups:
        longest = max(lengths[place] for place in group)
        assert len(group) == 1 or len(group) * longest <= tokens
