"""From the parts of a prompt's text to token ids.

The text around a query, its frame, may hold control tokens, and they act. A control token that
somebody spells in a query (`<bos>`) stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from tokenizers.pre_tokenizers import Metaspace
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from transformers import PreTrainedTokenizerBase

from analysis.common.errors import InputError
from analysis.common.texts.said import say


@dataclass(frozen=True)
class Piece:
    """A part of a prompt's text.

    Attributes:
        text: The characters.
        content: Whether a user or an earlier answer wrote them; otherwise they belong to the frame.
    """

    text: str
    content: bool


@dataclass(frozen=True)
class Encoded:
    """Token ids of a prompt.

    Attributes:
        ids: The token ids.
        control: Whether each token is a control token of the frame, as many as ids.
        query_first: Index of the first token that holds a part of the last content.
        query_last: Index of the last such token.
    """

    ids: tuple[int, ...]
    control: tuple[bool, ...]
    query_first: int
    query_last: int


@dataclass(frozen=True)
class _Token:
    """A token, and which characters of the text it stands for."""

    id: int
    start: int
    end: int
    control: bool = False

    def overlaps(self, span: tuple[int, int]) -> bool:
        return self.start < span[1] and self.end > span[0] and self.end > self.start


def encode(tokenizer: PreTrainedTokenizerBase, pieces: Sequence[Piece]) -> Encoded:
    """Tokenises the pieces as one text.

    The ids are those that the tokenizer gives the whole text. Where a content spells a control
    token, the text is cut at the frame's control tokens, and each segment is tokenised as text.

    Args:
        tokenizer: Its state is changed while it works, so one call at a time.
        pieces: The text in order; the last content is the query.

    Raises:
        InputError: The tokenizer makes no token of the query.
    """
    text = "".join(piece.text for piece in pieces)
    contents = _content_spans(pieces)
    tokens = _whole(tokenizer, text)
    controls = _control_tokens(tokenizer)
    spelled = {
        place
        for place, token in enumerate(tokens)
        if token.control
        and any(_own_characters(token, text, controls).overlaps(span) for span in contents)
    }
    if spelled:
        frame = [
            token for place, token in enumerate(tokens) if token.control and place not in spelled
        ]
        tokens = _segments(tokenizer, text, frame)
    inside = [
        place
        for place, token in enumerate(tokens)
        if not token.control and token.overlaps(contents[-1])
    ]
    if not inside:
        raise InputError(say("The tokenizer makes no token of the query: type another one."))
    return Encoded(
        ids=tuple(token.id for token in tokens),
        control=tuple(token.control for token in tokens),
        query_first=inside[0],
        query_last=inside[-1],
    )


def _content_spans(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    spans, end = [], 0
    for piece in pieces:
        start, end = end, end + len(piece.text)
        if piece.content:
            spans.append((start, end))
    return spans


def _whole(tokenizer: PreTrainedTokenizerBase, text: str) -> list[_Token]:
    """The whole text's tokens, control tokens parsed wherever they stand."""
    controls, unknown = _control_tokens(tokenizer), tokenizer.unk_token_id
    tokens = []
    for id_, (start, end) in _tokenise(tokenizer, text, parse=True):
        # The unknown token also stands for characters that the vocabulary lacks.
        spells = id_ != unknown or controls.get(id_, "") in text[start:end]
        tokens.append(_Token(id_, start, end, id_ in controls and spells))
    return tokens


def _segments(
    tokenizer: PreTrainedTokenizerBase, text: str, frame: Sequence[_Token]
) -> list[_Token]:
    """The tokens of a text whose only control tokens are those of the frame."""
    tokens: list[_Token] = []
    cut = 0
    for control in (*frame, None):
        end = control.start if control else len(text)
        if cut == 0:
            found = _tokenise(tokenizer, text[:end], parse=False)
        else:
            with _no_first_prefix(tokenizer):
                found = _tokenise(tokenizer, text[cut:end], parse=False)
        tokens += [_Token(id_, cut + start, cut + stop) for id_, (start, stop) in found]
        if control:
            tokens.append(control)
            cut = control.end
    return tokens


def _tokenise(
    tokenizer: PreTrainedTokenizerBase, text: str, *, parse: bool
) -> list[tuple[int, tuple[int, int]]]:
    """Each token's id and span; `parse` says whether spelled control tokens act."""
    encoded: Any = tokenizer(
        text,
        add_special_tokens=False,
        split_special_tokens=not parse,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    return list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))


@contextmanager
def _no_first_prefix(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Tokenises a later segment as such: SentencePiece may put a space before a text's first."""
    outer: Any = tokenizer.backend_tokenizer.pre_tokenizer
    several = isinstance(outer, PreTokenizers)
    inner = list(outer) if several else [outer]
    first = [one for one in inner if isinstance(one, Metaspace) and one.prepend_scheme == "first"]
    for one in first:
        one.prepend_scheme = "never"
    try:
        yield
    finally:
        for one in first:
            one.prepend_scheme = "first"


def _own_characters(token: _Token, text: str, controls: Mapping[int, str]) -> _Token:
    """A control token without the white space beside it that some tokenizers take into it."""
    start = text.find(controls[token.id], token.start, token.end)
    return token if start < 0 else _Token(token.id, start, start + len(controls[token.id]))


_CONTROLS: WeakKeyDictionary[PreTrainedTokenizerBase, Mapping[int, str]] = WeakKeyDictionary()


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> Mapping[int, str]:
    """Id and text of each control token; kept, because Gemma has 6000 added tokens to look at."""
    found = _CONTROLS.get(tokenizer)
    if found is None:
        added = tokenizer.added_tokens_decoder
        found = {id_: token.content for id_, token in added.items() if token.special}
        _CONTROLS[tokenizer] = found
    return found
