"""A prompt has the ids that its tokenizer gives the whole text, whatever the kind of tokenizer."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AddedToken, PreTrainedTokenizerFast

from analysis.inference.prompt import Message, Prompt, build_prompt, prompt_ids
from analysis.models.collection import PromptForm
from tests import tiny

CONTROL = ("<unk>", "<s>", "</s>", "<|end|>", "<|user|>")
KINDS = (
    "first", "first in a sequence", "always", "never", "legacy", "bytes", "stripping",
    "stripping both",
)  # fmt: skip
FORM = "<s><|user|>\n{query}<|end|>\nAssistant: "
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|user|>{{ message['content'] }}<|end|>"
    "{% endfor %}Assistant:"
)


@cache
def tokenizer(kind: str, *, user_is_control: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer with a way of its own to treat the beginning of a text.

    Args:
        kind: `first`, `always` and `never` are SentencePiece's prefix schemes, `legacy` is the
            prefix as a normalisation (Llama's old way), `bytes` puts a space before bytes, and
            `stripping` has control tokens that take the white space after them, and `stripping
            both` also that before them.
        user_is_control: Whether `<|user|>` is a control token; otherwise it is ordinary text.
    """
    backend = Tokenizer(models.BPE(byte_fallback=kind != "bytes", unk_token="<unk>"))
    if kind == "bytes":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        backend.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    else:
        alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
    if kind == "legacy":
        backend.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    elif kind != "bytes":
        scheme = "first" if kind.startswith("stripping") else kind.split()[0]
        metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
        digits = pre_tokenizers.Digits()
        sequence = pre_tokenizers.Sequence([metaspace, digits])
        backend.pre_tokenizer = sequence if "sequence" in kind else metaspace
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=alphabet, show_progress=False)
    backend.train_from_iterator(tiny.SENTENCES, trainer)
    state = json.loads(backend.to_str()) | {"added_tokens": []}  # bytes are ordinary tokens
    backend = Tokenizer.from_str(json.dumps(state))
    backend.add_special_tokens(
        [
            AddedToken(
                name,
                normalized=False,
                rstrip=kind.startswith("stripping"),
                lstrip=kind == "stripping both",
            )
            for name in CONTROL
            if user_is_control or name != "<|user|>"
        ]
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    made.chat_template = TEMPLATE
    return made


def own_ids(words: PreTrainedTokenizerFast, text: str) -> tuple[int, ...]:
    return tuple(words(text, add_special_tokens=False)["input_ids"])


def build(
    words: PreTrainedTokenizerFast, frame: str, query: str | list[Message], form: str = FORM
) -> Prompt:
    return build_prompt(
        words,
        PromptForm(form) if frame == "form" else None,
        query,
        plain=frame == "plain",
        most_tokens=2000,
    )


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.text(
    " \n<|a>/s0ü玛▁", min_size=1, max_size=12
)


@given(
    kind=st.sampled_from(KINDS),
    frame=st.sampled_from(("form", "template", "plain")),
    query=_TEXT.filter(lambda text: any(character.isalnum() for character in text)),
    earlier=st.none() | _TEXT,
)
@example("first", "form", "María", None)
@example("first", "form", "María", "Two.")
@example("always", "form", "María", None)
@example("legacy", "template", " María", None)
def test_ids_are_those_of_the_whole_text(
    kind: str, frame: str, query: str, earlier: str | None
) -> None:
    talk: str | list[Message] = query
    if earlier is not None and frame != "plain":
        talk = [
            {"role": "user", "content": earlier},
            {"role": "assistant", "content": earlier},
            {"role": "user", "content": query},
        ]
    assume(not any(name in text for name in CONTROL for text in (query, earlier or "")))
    words = tokenizer(kind)
    prompt = build(words, frame, talk)
    assert prompt.ids == own_ids(words, prompt.text)
    added = words.added_tokens_decoder
    named = [id_ for id_ in prompt.ids if id_ in added and id_ != words.unk_token_id]
    assert [id_ for id_, flag in zip(prompt.ids, prompt.control, strict=True) if flag] == named


@given(
    kind=st.sampled_from(KINDS),
    frame=st.sampled_from(("form", "plain")),
    parts=st.lists(_TEXT, min_size=2, max_size=3),
)
@example("first", "form", ["a", "b"])
@example("first in a sequence", "form", [" a ", " b"])
def test_a_control_token_in_a_query_reads_as_any_other_text(
    kind: str, frame: str, parts: list[str]
) -> None:
    assume(not any(name in text for name in CONTROL for text in parts))
    query = "<|user|>".join(parts)
    form = "<s>User: {query}<|end|>\nAssistant: "
    prompt = build(tokenizer(kind), frame, query, form)
    ordinary = build(tokenizer(kind, user_is_control=False), frame, query, form)
    assert (
        prompt.ids == ordinary.ids == own_ids(tokenizer(kind, user_is_control=False), prompt.text)
    )
    assert (prompt.query_first, prompt.query_last) == (ordinary.query_first, ordinary.query_last)


@pytest.mark.parametrize("kind", KINDS)
def test_the_query_is_found_among_the_tokens(kind: str) -> None:
    words = tokenizer(kind)
    for query in ("María tiene 3", "a <|user|> b", "<|user|>"):
        prompt = build(words, "form", query)
        shown = prompt.tokens[prompt.query_first : prompt.query_last + 1]
        assert query in "".join(shown)
        assert not any(prompt.control[prompt.query_first : prompt.query_last + 1])
        assert sum(prompt.control) == 3


def test_a_later_turn_keeps_its_role() -> None:
    talk = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ]
    words = tokenizer("first")
    turns = "<s><|user|>\nOne?<|end|>\nAssistant: Two.\n<|user|>\nThree?<|end|>\nAssistant: "
    assert build(words, "form", talk).text == turns
    without_begin = build(words, "form", talk, "<|user|>\n{query}\n").text
    assert without_begin == "<|user|>\nOne?\nTwo.\n<|user|>\nThree?\n"


@pytest.mark.parametrize("form", [FORM, None])
def test_ids_alone_are_those_of_the_whole_prompt(form: str | None) -> None:
    words = tokenizer("first")
    for query in ("María tiene 3", "a <|end|> b", "a" * 500):
        whole = build(words, "template" if form is None else "form", query)
        assert prompt_ids(words, PromptForm(form) if form else None, query) == whole.ids


def test_characters_that_the_vocabulary_lacks_are_no_control_tokens() -> None:
    backend = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "a": 2}, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", unk_token="<unk>")
    prompt = build(words, "form", "a 玛 <s>", "<s> {query} <unk> a")
    assert prompt.ids == (1, 2, 0, 0, 0, 0, 0, 2)
    assert [place for place, flag in enumerate(prompt.control) if flag] == [0, 6]
    assert (prompt.query_first, prompt.query_last) == (1, 5)


def test_the_tokenizer_is_left_as_it_was() -> None:
    words = tokenizer("first")
    before = words.backend_tokenizer.to_str()
    build(words, "form", "a <|user|> b")
    assert words.backend_tokenizer.to_str() == before
