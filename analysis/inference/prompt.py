"""From a query or a conversation to the tokens that the model reads.

The query is data: it is never trimmed, and a control token spelled in it (`<bos>`) stays text. Only
the frame around it, the collection's prompt form or the tokenizer's chat template, may hold control
tokens.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from analysis.common.errors import InputError
from analysis.inference.encoding import Piece, encode
from analysis.inference.tokens import token_text
from analysis.models.manifest import PromptForm

Message = dict[str, str]
Frame = Literal["form", "template", "plain"]

_ROLES = ("system", "user", "assistant")
# Stand in for the contents while a template is rendered; private-use characters, so that no
# template treats them specially. A content that holds them itself is only ever inserted later.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True)
class Prompt:
    """What the model reads.

    Attributes:
        text: The whole prompt as text, control tokens spelled out.
        ids: Its token ids.
        tokens: Each token as text for people, as many as ids.
        control: Whether each token is a control token of the frame, as many as ids.
        query_first: Index of the first token that holds a part of the query.
        query_last: Index of the last one.
        frame: What was put around the query: the collection's prompt `form`, the tokenizer's chat
            `template`, or nothing but a begin token (`plain`).
    """

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    control: tuple[bool, ...]
    query_first: int
    query_last: int
    frame: Frame

    @property
    def last(self) -> int:
        """Index of the last token."""
        return len(self.ids) - 1


def build_prompt(
    tokenizer: PreTrainedTokenizerBase,
    form: PromptForm | None,
    query: str | Sequence[Message],
    *,
    plain: bool = False,
    most_tokens: int,
) -> Prompt:
    """Builds the prompt of a query or of a conversation.

    Args:
        tokenizer: The base model's; its state is changed while it works, so one call at a time.
        form: The collection's prompt form; None means the tokenizer's chat template, or nothing
            where it has none.
        query: A query, or messages `{"role", "content"}` that end with the user's.
        plain: Put nothing around the query but a begin token.
        most_tokens: The engine's cap.

    Raises:
        InputError: There is nothing to read, too much, or the messages cannot be used.
    """
    messages = [{"role": "user", "content": query}] if isinstance(query, str) else list(query)
    _check(messages)
    _check_characters(messages, most_tokens)
    frame, pieces = _pieces(tokenizer, form, messages, plain)
    encoded = encode(tokenizer, pieces)
    if len(encoded.ids) > most_tokens:
        raise InputError(
            f"The prompt has {len(encoded.ids)} tokens, and at most {most_tokens} are read: "
            "shorten it."
        )
    return Prompt(
        text="".join(piece.text for piece in pieces),
        ids=encoded.ids,
        tokens=tuple(token_text(tokenizer, token) for token in encoded.ids),
        control=encoded.control,
        query_first=encoded.query_first,
        query_last=encoded.query_last,
        frame=frame,
    )


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, form: PromptForm | None, query: str
) -> tuple[int, ...]:
    """The token ids of a query's prompt, of any length, without the rest that `Prompt` holds.

    Args:
        tokenizer: The base model's; its state is changed while it works, so one call at a time.
        form: As for `build_prompt`.
        query: The query.

    Raises:
        InputError: There is nothing to read.
    """
    messages = [{"role": "user", "content": query}]
    _check(messages)
    return encode(tokenizer, _pieces(tokenizer, form, messages, plain=False)[1]).ids


def check_query(query: str) -> None:
    """Refuses a query that asks nothing.

    Raises:
        InputError: It is empty or cannot be seen.
    """
    if not query.strip():
        raise InputError("The query is empty: type a question.")
    if all(unicodedata.category(character)[0] in "CZ" for character in query):
        raise InputError("The query holds only control characters and spaces: type a question.")


def _pieces(
    tokenizer: PreTrainedTokenizerBase,
    form: PromptForm | None,
    messages: Sequence[Message],
    plain: bool,
) -> tuple[Frame, list[Piece]]:
    """The kind of frame, and the prompt's text in pieces."""
    begin = str(tokenizer.bos_token or "")
    if not plain and form is not None:
        return "form", _fill(_form_turns(form, messages, begin), messages)
    if not plain and tokenizer.chat_template:
        return "template", _fill(_render(tokenizer, messages), messages)
    if len(messages) > 1:
        raise InputError("A plain prompt is one query: leave the prompt form on for messages.")
    return "plain", [Piece(begin, False), Piece(messages[-1]["content"], True)]


def _check(messages: Sequence[Message]) -> None:
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise InputError(f"{message!r} is no message: give its role and its content.")
        if message["role"] not in _ROLES or not isinstance(message["content"], str):
            raise InputError(
                f"{message!r} is no message: the role is one of {', '.join(_ROLES)}, "
                "the content is text."
            )
    if not messages or messages[-1]["role"] != "user":
        raise InputError("The messages must end with one of the user's.")
    check_query(messages[-1]["content"])
    # A lone surrogate is no text, and tokenizers fail on it.
    try:
        "".join(message["content"] for message in messages).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"The query is not valid Unicode ({error.reason}): retype it.") from error


def _check_characters(messages: Sequence[Message], most_tokens: int) -> None:
    """Refuses text that cannot fit before it is tokenised, which takes time."""
    characters = sum(len(message["content"]) for message in messages)
    if characters > 32 * most_tokens:
        raise InputError(
            f"The query has {characters} characters, far more than the {most_tokens} tokens "
            "that are read: shorten it."
        )


def _mark(index: int) -> str:
    return f"{_OPEN}{index}{_CLOSE}"


def _form_turns(form: PromptForm, messages: Sequence[Message], begin: str) -> str:
    """The form once for each question, each earlier answer after its question, `begin` only once.

    Args:
        form: The prompt form.
        messages: The conversation.
        begin: The tokenizer's begin token.
    """
    text = ""
    for index, message in enumerate(messages):
        if message["role"] == "system":
            raise InputError("This collection's prompt form has no system text: leave it out.")
        if message["role"] == "assistant":
            text += _mark(index) + "\n"
        else:
            turn = form.form.removeprefix(begin) if text else form.form
            text += turn.replace("{query}", _mark(index))
    return text


def _render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    marked = [
        {"role": message["role"], "content": _mark(index)} for index, message in enumerate(messages)
    ]
    try:
        text = tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja2 raises what the template's author chose
        raise InputError(f"The chat template refuses these messages: {error}.") from error
    assert isinstance(text, str)
    return text


def _fill(rendered: str, messages: Sequence[Message]) -> list[Piece]:
    parts = re.split(f"{_OPEN}(\\d+){_CLOSE}", rendered)
    if [int(index) for index in parts[1::2]] != list(range(len(messages))):
        raise InputError("The chat template does not show every message once: shorten the talk.")
    pieces = []
    for place, part in enumerate(parts):
        if place % 2:
            pieces.append(Piece(messages[int(part)]["content"], True))
        else:
            pieces.append(Piece(part, False))
    return pieces
