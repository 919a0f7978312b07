"""From logits to tokens, and from tokens to text that can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from analysis.common.errors import InputError

if TYPE_CHECKING:
    from analysis.inference.vocabulary import Vocabulary

End = Literal["end token", "stop string", "length"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: 0 takes the most probable token; higher is more varied, up to 2.
        top_p: Only the most probable tokens that together have this probability are drawn from.
        seed: Of the draws. Every row draws with the same seed, so that equal rows stay equal.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 2.0:
            raise InputError(f"The temperature is {self.temperature}: take one from 0 to 2.")
        if not 0.0 < self.top_p <= 1.0:
            raise InputError(f"Top-p is {self.top_p}: take a share above 0, at most 1.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"The seed is {self.seed}: take a whole number from 0.")


@dataclass(frozen=True)
class Token:
    """What one row did in one step.

    Attributes:
        row: Index of the row.
        id: The token that was chosen.
        text: The token as text for people.
        delta: What the answer grew by: whole characters only, never a part of a stop string.
        probability: What the row's distribution gave the token, before temperature and top-p.
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


def choose(
    logits_RV: Tensor, sampling: Sampling, generators: Sequence[torch.Generator]
) -> list[tuple[int, float]]:
    """Chooses each row's next token.

    Args:
        logits_RV: `[rows, vocabulary]`.
        sampling: How.
        generators: One for each row.

    Returns:
        For each row the token's id and its probability.
    """
    logits_RV = logits_RV.float()
    if sampling.temperature == 0.0:
        tokens_R = logits_RV.argmax(dim=1)
    else:
        p_RV = torch.softmax(logits_RV / sampling.temperature, dim=1).cpu()
        drawn = [_draw(p_V, sampling.top_p, one) for p_V, one in zip(p_RV, generators, strict=True)]
        tokens_R = torch.tensor(drawn, device=logits_RV.device)
    # On a CPU logsumexp takes ten times as long as softmax.
    probability_R = torch.softmax(logits_RV, dim=1).gather(1, tokens_R.unsqueeze(1)).squeeze(1)
    return list(zip(tokens_R.tolist(), probability_R.tolist(), strict=True))


def _draw(p_V: Tensor, top_p: float, generator: torch.Generator) -> int:
    if top_p < 1.0:
        sorted_V, order_V = p_V.sort(descending=True, stable=True)
        # The token that crosses the line still belongs to the kept ones.
        dropped_V = sorted_V.cumsum(0) - sorted_V >= top_p
        p_V = torch.zeros_like(p_V).scatter_(0, order_V, sorted_V.masked_fill(dropped_V, 0))
    return int(torch.multinomial(p_V, 1, generator=generator))


class AnswerText:
    """Turns one row's tokens into text as they come.

    Args:
        vocabulary: The base model's.
        stop: Texts that end the answer; they are cut off.
    """

    def __init__(self, vocabulary: Vocabulary, stop: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self._stop = stop
        self._ids: list[int] = []
        self._shown = 0

    def push(self, token: int, last: bool) -> tuple[str, bool]:
        """Takes a token.

        Args:
            token: Its id.
            last: Whether no other follows, so that what only began a stop string is text.

        Returns:
            What the text grew by, and whether a stop string was met.
        """
        self._ids.append(token)
        text = self._vocabulary.text(self._ids)
        met = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if met:
            text = text[: min(met)]
        else:
            # A replacement character at the end is a character whose bytes are still to come.
            text = text.rstrip("\ufffd")
            if not last:
                text = text[: len(text) - self._begun(text)]
        delta = text[self._shown :]
        self._shown = max(self._shown, len(text))
        return delta, bool(met)

    def _begun(self, text: str) -> int:
        """Length of the longest end of the text that begins a stop string."""
        return max(
            (
                length
                for stop in self._stop
                for length in range(1, min(len(stop), len(text) + 1))
                if text.endswith(stop[:length])
            ),
            default=0,
        )
