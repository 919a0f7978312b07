"""Invariant 5: what the model reads is the query as it is, and what the page shows."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.inference.prompt import Message, Prompt, build_prompt
from analysis.models.collection import PromptForm
from tests import tiny

FORM = PromptForm(tiny.FORM, (tiny.STOP,))
QUERY = "¿Cuántas manzanas tiene?"
FRAMES = ("form", "template", "plain")
SPELLED = ("<bos>", "<eos>", "<end_of_turn>", "<start_of_turn>", "<pad>", "<unk>")


def build(
    query: str | list[Message], frame: str = "form", *, byte_level: bool = False, most: int = 500
) -> Prompt:
    words = tiny.tokenizer(byte_level=byte_level, chat=frame == "template")
    form = FORM if frame == "form" else None
    return build_prompt(words, form, query, plain=frame == "plain", most_tokens=most)


def turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


FRAMED = {
    "form": f"<bos>User: {QUERY}\nAssistant: ",
    "template": f"<bos><start_of_turn>user\n{QUERY}<end_of_turn>\n<start_of_turn>model\n",
    "plain": f"<bos>{QUERY}",
}


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize("frame", FRAMES)
def test_each_frame_reads_as_its_tokenizer_reads_the_whole_text(
    frame: str, byte_level: bool
) -> None:
    prompt = build(QUERY, frame, byte_level=byte_level)
    words = tiny.tokenizer(byte_level=byte_level)
    assert prompt.frame == frame
    assert prompt.text == FRAMED[frame]
    assert list(prompt.ids) == words(FRAMED[frame], add_special_tokens=False)["input_ids"]
    assert len(prompt.tokens) == len(prompt.control) == len(prompt.ids)
    controls = [id_ for id_, control in zip(prompt.ids, prompt.control, strict=True) if control]
    assert controls == [id_ for id_ in prompt.ids if id_ in words.all_special_ids]


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize("frame", FRAMES)
def test_the_last_query_token_holds_the_querys_end(frame: str, byte_level: bool) -> None:
    prompt = build(QUERY, frame, byte_level=byte_level)
    words = tiny.tokenizer(byte_level=byte_level)
    assert "?" in prompt.tokens[prompt.query_last]
    assert QUERY in words.decode(prompt.ids[prompt.query_first : prompt.query_last + 1])
    after = words.decode(prompt.ids[prompt.query_last + 1 :])
    assert "tiene" not in after and "?" not in after
    assert (prompt.query_last == prompt.last) == (frame == "plain")
    before = words.decode(prompt.ids[: prompt.query_first])
    assert "¿" not in before


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("spelled", SPELLED)
def test_control_tokens_in_a_query_stay_text(frame: str, spelled: str) -> None:
    query = f"a {spelled}{spelled} b{spelled}"
    plain, with_them = build("a", frame), build(query, frame)
    assert query in with_them.text
    assert sum(with_them.control) == sum(plain.control)
    words = tiny.tokenizer()
    special = words.all_special_ids
    assert sum(id_ in special for id_ in with_them.ids) == sum(id_ in special for id_ in plain.ids)
    shown = "".join(with_them.tokens[with_them.query_first : with_them.query_last + 1])
    assert query in shown


@pytest.mark.parametrize("spelled", SPELLED)
def test_control_tokens_in_earlier_turns_stay_text(spelled: str) -> None:
    for frame in ("form", "template"):
        talk = [turn("user", spelled), turn("assistant", f"x{spelled}"), turn("user", "b")]
        tame = [turn("user", "a"), turn("assistant", "xa"), turn("user", "b")]
        assert sum(build(talk, frame).control) == sum(build(tame, frame).control)


def test_a_conversation_repeats_the_form_with_one_begin_token() -> None:
    talk = [turn("user", "One?"), turn("assistant", "Two."), turn("user", "Three?")]
    prompt = build(talk)
    assert prompt.text == "<bos>User: One?\nAssistant: Two.\nUser: Three?\nAssistant: "
    assert sum(prompt.control) == 1
    words = tiny.tokenizer()
    assert "Three?" in words.decode(prompt.ids[prompt.query_first : prompt.query_last + 1])
    assert "One" not in words.decode(prompt.ids[prompt.query_first :])


def test_later_turns_keep_all_of_the_form_but_the_begin_token() -> None:
    form = PromptForm("<bos><|user|>\n{query}<end_of_turn>\n<|model|>\n")
    messages = [turn("user", "One?"), turn("assistant", "1"), turn("user", "Two?")]
    prompt = build_prompt(tiny.tokenizer(), form, messages, most_tokens=500)
    assert prompt.text == (
        "<bos><|user|>\nOne?<end_of_turn>\n<|model|>\n1\n<|user|>\nTwo?<end_of_turn>\n<|model|>\n"
    )
    without = PromptForm("<|user|>\n{query}\n<|model|>\n")
    prompt = build_prompt(tiny.tokenizer(), without, messages, most_tokens=500)
    assert prompt.text.count("<|user|>") == 2


SCHEMES = ("always", "first", "never")
TURNS = PromptForm("<bos><start_of_turn>user\n{query}<end_of_turn>\n<start_of_turn>model\n")


@pytest.mark.parametrize("scheme", SCHEMES)
@given(query=st.text("aeñ ¿?\n3+яж玛丽😀<>|", min_size=1, max_size=12))
def test_ids_are_the_tokenizers_own_for_the_whole_text(scheme: str, query: str) -> None:
    assume(query.strip())
    words = tiny.prefix_tokenizer(scheme)
    for form in (FORM, TURNS):
        prompt = build_prompt(words, form, query, most_tokens=500)
        assert list(prompt.ids) == words(prompt.text, add_special_tokens=False)["input_ids"]
        assert prompt.text == form.form.replace("{query}", query)
        held = [id_ for id_, control in zip(prompt.ids, prompt.control, strict=True) if control]
        assert held == [id_ for id_ in prompt.ids if id_ in words.all_special_ids]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("form", [FORM, TURNS], ids=["form", "turns"])
def test_a_spelled_control_token_changes_nothing_around_it(scheme: str, form: PromptForm) -> None:
    words = tiny.prefix_tokenizer(scheme)
    plain = build_prompt(words, form, "a Paris b", most_tokens=500)
    spelled = build_prompt(words, form, "a <bos> b", most_tokens=500)
    control = [id_ for id_, flag in zip(spelled.ids, spelled.control, strict=True) if flag]
    assert control == [id_ for id_, flag in zip(plain.ids, plain.control, strict=True) if flag]
    shown = "".join(words.convert_ids_to_tokens(list(spelled.ids))).replace("▁", " ")
    expected = "".join(words.convert_ids_to_tokens(list(plain.ids))).replace("▁", " ")
    for byte in range(256):
        shown = shown.replace(f"<0x{byte:02X}>", chr(byte))
        expected = expected.replace(f"<0x{byte:02X}>", chr(byte))
    # As many spaces as the whole text has where nothing is spelled.
    assert shown == expected.replace("Paris", "<bos>")
    query = "".join(spelled.tokens[spelled.query_first : spelled.query_last + 1])
    assert "<bos>" in query and query.strip().endswith("b")


def test_a_conversation_goes_through_the_template() -> None:
    talk = [turn("system", "Be brief."), turn("user", "One?")]
    assert build(talk, "template").text.startswith("<bos><start_of_turn>system\nBe brief.<end")


def test_without_form_and_template_the_prompt_is_plain() -> None:
    assert build_prompt(tiny.tokenizer(), None, "a", most_tokens=9).frame == "plain"


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize(
    "query", ["  a \n\n b\t", "a\u0000b", "\u202eabc\u200b", "e\u0301", "玛丽鬱😀"]
)
def test_the_query_is_never_trimmed_or_rewritten(query: str, byte_level: bool) -> None:
    for frame in FRAMES:
        prompt = build(query, frame, byte_level=byte_level)
        words = tiny.tokenizer(byte_level=byte_level)
        assert query in prompt.text
        assert query in words.decode(prompt.ids)


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.text(
    "<>bos/_endtur aé😀\n", min_size=1, max_size=20
)


@given(query=_TEXT, frame=st.sampled_from(FRAMES), byte_level=st.booleans())
def test_any_query_is_read_as_it_is(query: str, frame: str, byte_level: bool) -> None:
    words = tiny.tokenizer(byte_level=byte_level)
    try:
        prompt = build(query, frame, byte_level=byte_level)
    except InputError as error:
        assume("empty" not in str(error) and "control characters" not in str(error))
        raise
    assert words.decode(prompt.ids) == prompt.text == FRAMED[frame].replace(QUERY, query)
    assert sum(prompt.control) == sum(build("a", frame).control)
    assert 0 < prompt.query_first <= prompt.query_last <= prompt.last


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("\u0000\u0007\u001b", "control characters"),
        ("\u200b\u200e \u0085", "control characters"),
        ("a\ud800b", "Unicode"),
        ("a" * 200_000, r"200000 characters.* 500 "),
        ("a b c " * 200, r"\d+ tokens.* 500 "),
        ([], "end with one of the user's"),
        ([turn("user", "a"), turn("assistant", "b")], "end with one of the user's"),
        ([turn("robot", "a")], "robot.*system, user, assistant"),
        ([{"role": "user"}], "role and its content"),
        ([{"role": "user", "content": 3}], "content is text"),
        (["a"], "'a' is no message"),
        ([turn("system", "Be brief."), turn("user", "a")], "no system text"),
        ([turn("user", "\udfff"), turn("user", "b")], "Unicode"),
    ],
    ids=range(15),
)
def test_what_cannot_be_read_is_refused(query: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        build(query)
    assert "\n" not in str(refusal.value)
    str(refusal.value).encode()


def test_a_plain_prompt_takes_one_query() -> None:
    with pytest.raises(InputError, match="one query"):
        build([turn("user", "a"), turn("assistant", "b"), turn("user", "c")], "plain")


def test_what_a_template_refuses_is_passed_on() -> None:
    words = copy.copy(tiny.tokenizer())
    words.chat_template = "{{ raise_exception('no such role') }}"
    with pytest.raises(InputError, match="no such role"):
        build_prompt(words, None, "a", most_tokens=50)
    words.chat_template = "{{ messages[0]['content'] }}"
    talk = [turn("user", "a"), turn("assistant", "b"), turn("user", "c")]
    with pytest.raises(InputError, match="every message once"):
        build_prompt(words, None, talk, most_tokens=50)
    assert tiny.tokenizer().chat_template is None


def test_tokens_are_shown_as_people_read_them() -> None:
    prompt = build("鬱 a\u0007", "plain")
    assert prompt.tokens == ("<bos>", "⟨E9⟩", "⟨AC⟩", "⟨B1⟩", " a", "\u0007")
    assert build("鬱", "plain", byte_level=True).tokens[-1].startswith("⟨")
