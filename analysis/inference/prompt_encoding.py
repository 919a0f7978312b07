"""From the pieces of a prompt to token ids, with control tokens in the frame alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from analysis.common.errors import InputError

# Stands before a text that must not get a space at its beginning; no token joins it to letters.
_ANCHOR = "\ue002"


@dataclass(frozen=True)
class Piece:
    """A part of the prompt's text: of the frame, or of a message."""

    text: str
    content: bool


def encode(
    tokenizer: PreTrainedTokenizerBase, pieces: Sequence[Piece]
) -> tuple[list[int], list[bool], tuple[int, int]]:
    """Tokenises the pieces as one text in which only frames may hold control tokens.

    The ids are those that the tokenizer gives for the whole text. Where a content spells a control
    token, which must stay text, the text between control tokens is tokenised part by part.

    Returns:
        The ids, which of them are control tokens, and the first and last that hold a part of the
        last content, which is the query.

    Raises:
        InputError: The tokenizer makes no token of the query.
    """
    texts = _control_tokens(tokenizer)
    pattern = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
    text = "".join(piece.text for piece in pieces)
    frame_spans, query = [], (0, 0)
    place = 0
    for piece in pieces:
        if piece.content:
            query = (place, place + len(piece.text))
        else:
            frame_spans += [
                (place + match.start(), place + match.end())
                for match in pattern.finditer(piece.text)
            ]
        place += len(piece.text)
    if [match.span() for match in pattern.finditer(text)] == frame_spans:
        encoded: Any = tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=False,
            return_offsets_mapping=True,
        )
        ids, offsets = list(encoded["input_ids"]), list(encoded["offset_mapping"])
        special = {int(tokenizer.convert_tokens_to_ids(one)) for one in texts}  # type: ignore[arg-type]
        control = [token in special for token in ids]
    else:
        ids, offsets, control = _encode_parts(tokenizer, text, frame_spans)
    inside = [
        token
        for token, (start, end) in enumerate(offsets)
        if start < query[1] and end > query[0] and end > start
    ]
    if not inside:
        raise InputError("The tokenizer makes no token of the query: type another one.")
    return ids, control, (inside[0], inside[-1])


def _encode_parts(
    tokenizer: PreTrainedTokenizerBase, text: str, controls: Sequence[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
    """Ids, offsets and control flags: control tokens at some spans, plain text everywhere else."""
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    control: list[bool] = []
    spaced = _spaces_after_control(tokenizer)
    start = 0
    for first, last in [*controls, (len(text), len(text))]:
        anchor = "" if start == 0 or spaced else _ANCHOR
        encoded: Any = tokenizer(
            anchor + text[start:first],
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )
        shift = start - len(anchor)
        for token, (one, other) in zip(
            encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            if other > len(anchor) or not anchor:
                ids.append(token)
                offsets.append((one + shift, other + shift))
                control.append(False)
        if last > first:
            ids.append(int(tokenizer.convert_tokens_to_ids(text[first:last])))  # type: ignore[arg-type]
            offsets.append((first, last))
            control.append(True)
        start = last
    return ids, offsets, control


def _spaces_after_control(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether text after a control token is tokenised as text on its own is.

    SentencePiece tokenizers may put a space before a text, but none after a control token.
    """
    control = next(iter(_control_tokens(tokenizer)), None)
    if control is None:
        return True
    whole: Any = tokenizer(control + "a", add_special_tokens=False, split_special_tokens=False)
    alone: Any = tokenizer("a", add_special_tokens=False)
    return list(whole["input_ids"][1:]) == list(alone["input_ids"])


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    added = tokenizer.added_tokens_decoder.values()
    texts = {token.content for token in added if token.special}
    return sorted(texts, key=len, reverse=True)
