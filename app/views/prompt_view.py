"""What the model read, as its panel shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.widgets import text

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt

View = dict[str, Any]

_FRAMES = {
    "form": "the collection's prompt form around it",
    "template": "the tokenizer's chat template around it",
    "plain": "nothing around it",
}


def prompt_view(read: Prompt | None, position: str = "query") -> View:
    """What the model read, and the token that it is read at, if it is a single one."""
    if read is None:
        return {"tokens": [], "summary": "", "read": None}
    tokens = [
        {"text": text.visible(token), "id": id_, "part": _part(read, index)}
        for index, (token, id_) in enumerate(zip(read.tokens, read.ids, strict=True))
    ]
    count = read.query_last - read.query_first + 1
    summary = (
        f"What the model read: {len(read.ids)} tokens, {count} of them your query, "
        f"with {_FRAMES[read.frame]}"
    )
    places = {"query": read.query_last, "prompt": read.last}
    return {"tokens": tokens, "summary": summary, "read": places.get(position)}


def _part(read: Prompt, index: int) -> str:
    if read.control[index]:
        return "control"
    return "query" if read.query_first <= index <= read.query_last else "frame"
