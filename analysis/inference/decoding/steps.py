"""The steps of lock-step decoding, as their readers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

End = Literal["end token", "stop string", "length"]


@dataclass(frozen=True)
class Token:
    """The token that one row chose in one step.

    Attributes:
        row: Index of the row.
        id: The token that was chosen.
        text: The token as text for people.
        delta: The new text of the answer: whole characters only, never a part of a stop text.
        probability: Its probability in the row's distribution, before temperature and top-p.
        end: Why the row ends with this token, or None.
    """

    row: int
    id: int
    text: str
    delta: str
    probability: float
    end: End | None


@dataclass(frozen=True)
class Step:
    """One step of lock-step decoding.

    Attributes:
        index: Number of the step, from 0.
        tokens: One of each row that has not ended before.
    """

    index: int
    tokens: tuple[Token, ...]
