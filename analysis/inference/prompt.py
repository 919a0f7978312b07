"""From a query or a conversation to the tokens that the model reads.

The query is data: it is never trimmed, and a control token spelled in it (`<bos>`) stays text. Only
the frame around it, the collection's prompt form or the tokenizer's chat template, may hold control
tokens.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase

from analysis.common.errors import InputError
from analysis.common.texts.said import say
from analysis.inference.prompt_encoding import Piece, encode
from analysis.inference.tokens import token_text
from analysis.models.collection import PromptForm

Message = dict[str, str]
Frame = Literal["form", "template", "plain"]

_ROLES = ("system", "user", "assistant")
# Stand in for the contents while a template is rendered; private-use characters, so that no
# template treats them specially. A content that holds them itself is only ever inserted later.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True)
class Prompt:
    """The text that the model reads, and its tokens.

    Attributes:
        text: The whole prompt as text, control tokens spelled out.
        ids: Its token ids.
        tokens: Each token as text for people, as many as ids.
        control: Whether each token is a control token of the frame, as many as ids.
        query_first: Index of the first token that holds a part of the query.
        query_last: Index of the last one.
        frame: The text around the query: the collection's prompt `form`, the tokenizer's chat
            `template`, or nothing but a begin token (`plain`).
        owner: For whom alone its results are kept; empty for everybody.
    """

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    control: tuple[bool, ...]
    query_first: int
    query_last: int
    frame: Frame
    owner: str = field(default="", repr=False)

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
    _check(messages, most_tokens)
    frame, pieces = _pieces(tokenizer, form, messages, plain=plain)
    encoded = encode(tokenizer, pieces)
    count = len(encoded.ids)
    if count > most_tokens:
        raise InputError(
            say(
                "The prompt has {count} tokens, and at most {most} are read: shorten it.",
                count=count,
                most=most_tokens,
            )
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
    """The ids of a query's prompt alone, as `build_prompt` gives them: cheap for many rows."""
    _, pieces = _pieces(tokenizer, form, [{"role": "user", "content": query}], plain=False)
    return encode(tokenizer, pieces).ids


def _pieces(
    tokenizer: PreTrainedTokenizerBase,
    form: PromptForm | None,
    messages: Sequence[Message],
    *,
    plain: bool,
) -> tuple[Frame, list[Piece]]:
    """The frame around messages, and the text of both, piece by piece."""
    begin = str(tokenizer.bos_token or "")
    if plain and len(messages) > 1:
        raise InputError("A plain prompt is one query: leave the prompt form on for messages.")
    if form is not None and not plain:
        return "form", _fill(_form_turns(form, messages, begin), messages)
    if tokenizer.chat_template and not plain:
        return "template", _fill(_render(tokenizer, messages), messages)
    if len(messages) > 1:
        raise InputError("This tokenizer has no chat template: ask one query without messages.")
    return "plain", [Piece(begin, False), Piece(messages[-1]["content"], True)]


def answer_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """The tokens of a whole answer: its text on its own, then the tokenizer's end token.

    The text may spell control tokens; it stays text.
    """
    encoded: Any = tokenizer(text, add_special_tokens=False, split_special_tokens=True)
    end = tokenizer.eos_token_id
    return (*encoded["input_ids"], *([int(end)] if isinstance(end, int) else []))


def turn_end(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The control token that follows an answer in the chat template; None where there is none."""
    if not tokenizer.chat_template:
        return None
    messages = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
    try:
        rendered = _render(tokenizer, messages)
    except InputError:  # not every template shows answers
        return None
    after = rendered.rpartition(_mark(1))[2].lstrip()
    added = tokenizer.added_tokens_decoder
    found = [
        (len(token.content), id_)
        for id_, token in added.items()
        if token.special and after.startswith(token.content)
    ]
    return max(found)[1] if found else None


def check_query(query: str) -> None:
    """Refuses a query that asks nothing.

    Raises:
        InputError: It is empty or cannot be seen.
    """
    if not query.strip():
        raise InputError(say("The query is empty: type a question."))
    if all(unicodedata.category(character)[0] in "CZ" for character in query):
        raise InputError(
            say("The query holds only control characters and spaces: type a question.")
        )


def _check(messages: Sequence[Message], most_tokens: int) -> None:
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
    characters = sum(len(message["content"]) for message in messages)
    # Tokenising takes time: a query that cannot fit is refused before.
    if characters > 32 * most_tokens:
        raise InputError(
            say(
                "The query has {characters} characters, far more than the {most} tokens "
                "that are read: shorten it.",
                characters=characters,
                most=most_tokens,
            )
        )


def _mark(index: int) -> str:
    return f"{_OPEN}{index}{_CLOSE}"


def _form_turns(form: PromptForm, messages: Sequence[Message], begin: str) -> str:
    """The form once for each question, earlier answers after theirs.

    Args:
        form: The collection's prompt form.
        messages: The messages.
        begin: The tokenizer's begin token, which later turns leave out; empty where it has none.
    """
    later = form.form.removeprefix(begin)
    text = ""
    for index, message in enumerate(messages):
        if message["role"] == "system":
            raise InputError("This collection's prompt form has no system text: leave it out.")
        if message["role"] == "assistant":
            text += _mark(index) + "\n"
        else:
            text += (later if text else form.form).replace("{query}", _mark(index))
    return text


def _render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    marked = [
        {"role": message["role"], "content": _mark(index)} for index, message in enumerate(messages)
    ]
    try:
        text = tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # templates raise errors of any type
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
