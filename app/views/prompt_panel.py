"""The prompt panel: the tokens that the model read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.measure.trace import BOTH
from app.widgets import text

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt

_FRAMES = {
    "form": "inside the collection's prompt form",
    "template": "inside the tokenizer's chat template",
    "plain": "without a prompt form",
}


@dataclass(frozen=True)
class PromptToken:
    """A token of the prompt.

    Attributes:
        text: The token with visible white space.
        id: Its id.
        part: `control`, `query` or `frame`.
    """

    text: str
    id: int
    part: str


@dataclass(frozen=True)
class PromptPanel:
    """The prompt that the model read.

    Attributes:
        tokens: Its tokens.
        facts: The prompt in one line.
        read: Indices of the tokens that the divergence is read at; empty for the mean over the
            query.
    """

    tokens: tuple[PromptToken, ...]
    facts: str
    read: tuple[int, ...]

    @classmethod
    def empty(cls) -> PromptPanel:
        """The panel before there is a run; the page hides it."""
        return cls((), "", ())


def prompt_panel(prompt: Prompt, position: str = "query") -> PromptPanel:
    """A prompt, and the tokens that it is read at.

    Args:
        prompt: The prompt.
        position: The position of the view settings.
    """
    tokens = tuple(
        PromptToken(text.visible(token), id_, _part(prompt, index))
        for index, (token, id_) in enumerate(zip(prompt.tokens, prompt.ids, strict=True))
    )
    count = prompt.query_last - prompt.query_first + 1
    facts = f"{len(prompt.ids)} tokens; {count} of them are your query, {_FRAMES[prompt.frame]}."
    places = {
        "query": (prompt.query_last,),
        "prompt": (prompt.last,),
        BOTH: (prompt.query_last, prompt.last),
    }
    return PromptPanel(tokens, facts, places.get(position, ()))


def _part(prompt: Prompt, index: int) -> str:
    if prompt.control[index]:
        return "control"
    return "query" if prompt.query_first <= index <= prompt.query_last else "frame"
