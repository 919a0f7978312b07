"""The prompt panel: the tokens that the model read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.measure.trace import BOTH
from app.state.settings.view_settings import TOKEN
from app.widgets import text
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt

_FRAMES = {
    "form": say("inside the collection's prompt form"),
    "template": say("inside the tokenizer's chat template"),
    "plain": say("without a prompt form"),
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
        readable: Whether a click on a token reads the model there.
        hint: What such a click costs.
        moment: The page drops contents of an earlier moment than those that it shows.
    """

    tokens: tuple[PromptToken, ...]
    facts: str
    read: tuple[int, ...]
    readable: bool = False
    hint: str = ""
    moment: int = field(default=0, compare=False)

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
    facts = say(
        "{all} tokens; {count} of them are your query, {frame}.",
        all=len(prompt.ids),
        count=count,
        frame=_FRAMES[prompt.frame],
    )
    places = {
        "query": (prompt.query_last,),
        "prompt": (prompt.last,),
        BOTH: (prompt.query_last, prompt.last),
    }
    token = TOKEN.fullmatch(position)
    read = (int(token[1]),) if token else places.get(position, ())
    return PromptPanel(tokens, facts, read)


def readable(panel: PromptPanel, cost: str, fits: bool) -> PromptPanel:
    """The prompt of a run, whose tokens can be read one by one.

    Args:
        panel: The prompt.
        cost: How long every token takes to read; empty where that is not known, or done.
        fits: Whether the prompt is short enough to read every token.
    """
    if not fits:
        return replace(panel, hint=say("The prompt is too long to read each of its tokens."))
    once = f" ({cost})" if cost else ""
    return replace(
        panel,
        readable=True,
        hint=say(
            "Click a token to read the model there. The last tokens of your query and of the "
            "prompt are kept; another token reads all tokens once{once}, and then each is instant.",
            once=once,
        ),
    )


def _part(prompt: Prompt, index: int) -> str:
    if prompt.control[index]:
        return "control"
    return "query" if prompt.query_first <= index <= prompt.query_last else "frame"
