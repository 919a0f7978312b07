"""How the next token is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.common.errors import InputError

_LEAST_TEMPERATURE = 1e-30
"""Below it, logits divided by a temperature would not be finite in float32."""


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
            raise InputError(f"The seed is {self.seed}: take a whole number from 0 to {2**63 - 1}.")


def draw(
    logits_RV: Tensor, sampling: Sampling, generators: Sequence[torch.Generator]
) -> list[tuple[int, float]]:
    """Draws each row's next token.

    Args:
        logits_RV: `[rows, vocabulary]`.
        sampling: How the tokens are chosen, with a temperature above 0.
        generators: One for each row.

    Returns:
        For each row the token's id and its probability.
    """
    logits_RV = logits_RV.float()
    temperature = max(sampling.temperature, _LEAST_TEMPERATURE)
    p_RV = torch.softmax(logits_RV / temperature, dim=1).cpu()
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
        dropped_V[0] = False  # in float32 a very small share is 0
        p_V = torch.zeros_like(p_V).scatter_(0, order_V, sorted_V.masked_fill(dropped_V, 0))
    return int(torch.multinomial(p_V, 1, generator=generator))
