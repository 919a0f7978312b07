"""From logits to tokens by hand, and from tokens to text that only ever grows."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.inference.decoding.answer_text import AnswerText
from analysis.inference.decoding.sampling import Sampling, draw
from analysis.inference.vocabulary import Vocabulary
from tests import tiny

WORDS = tiny.tokenizer()


def drawn(p: list[float], sampling: Sampling, count: int = 2000) -> Counter[int]:
    """How often each token is drawn; every row draws on from one generator."""
    logits_RV = torch.tensor(p).log().expand(count, -1)
    generator = torch.Generator().manual_seed(1)
    return Counter(token for token, _ in draw(logits_RV, sampling, [generator] * count))


def test_each_row_draws_from_its_own_generator() -> None:
    sampling = Sampling(temperature=1.0)
    logits_RV = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    together = draw(logits_RV, sampling, [torch.Generator().manual_seed(row) for row in range(6)])
    for row, expected in enumerate(together):
        (alone,) = draw(logits_RV[row, None], sampling, [torch.Generator().manual_seed(row)])
        assert alone[0] == expected[0]
        assert alone[1] == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.4, [1.0]), (0.6, [0.625, 0.375]), (0.9, [0.5, 0.3, 0.15]), (1.0, [0.5, 0.3, 0.15, 0.05])],
)
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p: float, kept: list[float]) -> None:
    found = drawn([0.5, 0.3, 0.15, 0.05], Sampling(temperature=1.0, top_p=top_p))
    assert sorted(found) == list(range(len(kept)))
    total = sum(kept)
    for token, share in enumerate(kept):
        assert found[token] / 2000 == pytest.approx(share / total, abs=0.04)


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=5e-324), Sampling(temperature=1.0, top_p=5e-324)]
)
def test_what_float32_takes_for_nothing_still_draws_the_most_probable(sampling: Sampling) -> None:
    assert drawn([0.1, 0.6, 0.3], sampling, count=20) == {1: 20}


def test_top_p_does_not_depend_on_the_order_of_the_vocabulary() -> None:
    found = drawn([0.05, 0.3, 0.15, 0.5], Sampling(temperature=1.0, top_p=0.6))
    assert sorted(found) == [1, 3]


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_sharpens_or_flattens(temperature: float) -> None:
    p = [0.6, 0.3, 0.1]
    found = drawn(p, Sampling(temperature=temperature))
    powers = [value ** (1 / temperature) for value in p]
    for token, power in enumerate(powers):
        assert found[token] / 2000 == pytest.approx(power / sum(powers), abs=0.04)


def test_the_probability_told_is_the_models_own() -> None:
    p = [0.6, 0.3, 0.1]
    sampling = Sampling(temperature=1.7, top_p=0.8)
    generator = torch.Generator().manual_seed(0)
    logits_RV = torch.tensor(p).log().expand(20, -1)
    for token, probability in draw(logits_RV, sampling, [generator] * 20):
        assert probability == pytest.approx(p[token], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": -0.1}, "-0.1"),
        ({"temperature": 2.5}, "2.5.* 2"),
        ({"temperature": math.nan}, "nan"),
        ({"top_p": 0.0}, "0.0"),
        ({"top_p": 1.5}, "1.5"),
        ({"top_p": math.nan}, "nan"),
        ({"seed": -1}, "-1"),
        ({"seed": 2**63}, str(2**63)),
    ],
)
def test_sampling_that_means_nothing_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sampling(**changes)  # type: ignore[arg-type]


def streamed(
    ids: list[int], stop: tuple[str, ...] = (), byte_level: bool = False
) -> tuple[list[str], bool]:
    """The deltas of an answer of these tokens, and whether a stop string ended it."""
    answer = AnswerText(Vocabulary(tiny.tokenizer(byte_level=byte_level)), stop)
    deltas = []
    for place, token in enumerate(ids):
        delta, stopped = answer.push(token, place == len(ids) - 1)
        deltas.append(delta)
        if stopped:
            return deltas, True
    return deltas, False


def encoded(text: str, byte_level: bool = False) -> list[int]:
    words = tiny.tokenizer(byte_level=byte_level)
    ids = words(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return list(ids)


def in_bytes(text: str) -> list[int]:
    """Every character as the byte tokens that a model may choose for it."""
    return [int(WORDS.convert_tokens_to_ids(f"<0x{byte:02X}>")) for byte in text.encode()]


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize(
    "text",
    ["The capital of France is Paris.", "¿Cuántas? 😀👩‍👩‍👧 玛丽鬱 яблоки", " two  spaces \n\n"],
)
def test_the_deltas_are_the_text_in_whole_characters(text: str, byte_level: bool) -> None:
    deltas, stopped = streamed(encoded(text, byte_level), byte_level=byte_level)
    assert "".join(deltas) == text
    assert not stopped
    assert not any("\ufffd" in delta for delta in deltas)


def test_a_character_comes_with_its_last_byte() -> None:
    deltas, _ = streamed([*in_bytes("😀é"), *encoded("a")])
    assert deltas == ["", "", "", "😀", "", "é", "a"]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_answer_cut_inside_a_character_ends_before_it(cut: int) -> None:
    for before in ("Paris ", "玛", "😀"):
        start = in_bytes(before) if before == "😀" else encoded(before)
        deltas, _ = streamed([*start, *in_bytes("😀")[:cut]])
        assert "".join(deltas) == before


def test_control_tokens_are_no_text() -> None:
    ids = [*encoded("Paris"), 5, *encoded("."), 1]  # <end_of_turn> and <eos>
    assert "".join(streamed(ids)[0]) == "Paris."


@pytest.mark.parametrize("byte_level", [False, True])
@given(text=st.text(max_size=12), flags=st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_text_in_any_tokens(byte_level: bool, text: str, flags: list[bool]) -> None:
    if byte_level:
        ids = encoded(text, True)
    else:
        ids = [
            token
            for character, as_bytes in zip(text, flags, strict=False)
            for token in (in_bytes(character) if as_bytes else encoded(character))
        ]
    deltas, _ = streamed(ids, byte_level=byte_level)
    whole = "".join(deltas)
    assert whole == text.rstrip("\ufffd")  # a replacement character at the end stays unknown


@given(ids=st.lists(st.integers(0, len(WORDS) - 1), max_size=16))
def test_any_tokens_give_text_that_only_grows(ids: list[int]) -> None:
    answer, shown = AnswerText(Vocabulary(WORDS), ()), ""
    for place, token in enumerate(ids):
        delta, stopped = answer.push(token, place == len(ids) - 1)
        shown += delta
        assert not stopped
        assert not shown.endswith("\ufffd")


STOPS = ("\nUser:", "ab", "aab", "bb\n")


@given(
    text=st.text("abU\nser: ", max_size=30) | st.text("ab\n", max_size=12),
    stop=st.lists(st.sampled_from(STOPS), max_size=3),
)
@example(text="aaab", stop=["aab", "ab"])
@example(text="x\nUser: and on", stop=["\nUser:"])
@example(text="x\nUs", stop=["\nUser:"])
@example(text="x\nUse\nUser:", stop=["\nUser:"])
def test_a_stop_string_never_leaks(text: str, stop: list[str]) -> None:
    deltas, stopped = streamed(encoded(text), tuple(stop))
    places = [text.find(one) for one in stop if one in text]
    assert stopped == bool(places)
    if places:
        whole = "".join(deltas)
        assert text.startswith(whole)
        assert not any(one in whole for one in stop)
        # The text up to the stop string that was complete first.
        ends = min(text.find(one) + len(one) for one in stop if one in text)
        assert whole == text[: min(p for p in places if p < ends)]
    else:
        assert "".join(deltas) == text


def test_a_stop_string_across_tokens_is_held_back_only_while_it_may_come() -> None:
    ids = [*encoded("Paris"), *in_bytes("\nUsed")]
    deltas, stopped = streamed(ids, (tiny.STOP,))
    assert deltas[-5:] == ["", "", "", "", "\nUsed"] and not stopped
    deltas, stopped = streamed([*encoded("Paris"), *in_bytes("\nUser: x")], (tiny.STOP,))
    assert "".join(deltas) == "Paris" and stopped
