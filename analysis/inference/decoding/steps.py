"""The steps of lock-step decoding, as their readers see them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
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


class Steps(Iterator[Step]):
    """Steps that are asked for before they are taken, so that those of several share a pass.

    An error ends them, and so does a reader that goes without a word.

    Attributes:
        over: Whether no more steps follow. A subclass sets it last when it is made.
    """

    over: bool

    def __next__(self) -> Step:
        if self.over:
            raise StopIteration
        try:
            self._ask()
            return self._take()
        except BaseException:
            if self.over:
                # Another thread has closed it meanwhile.
                raise StopIteration from None
            self.close()
            raise

    def ask(self) -> None:
        """Asks for the next step, which the next iteration takes, unless it was asked for before.

        The first step runs the prompts, and is waited for.
        """
        try:
            self._ask()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def close(self) -> None:
        """Ends the steps; nothing of them is left in the model. Another thread may call it."""

    @abstractmethod
    def _ask(self) -> None:
        """Asks for the next step, unless that was done."""

    @abstractmethod
    def _take(self) -> Step:
        """Waits for the step that was asked for."""

    def __del__(self) -> None:
        if not getattr(self, "over", True):
            self.close()
