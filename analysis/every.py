"""The divergence at every token of a prompt, and its mean over the query's."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from analysis.divergence import Divergence
from analysis.prompt import Prompt
from analysis.trace import MEAN


@dataclass(frozen=True)
class EveryToken:
    """How far each adapter moves the base's distribution at every token.

    Attributes:
        prompt: What the model read.
        adapters: Names of the adapters.
        values_LKT: `[layers, adapters, tokens]`, float64, finite and at least 0.
        peak_LT: The largest probability of the base's distribution, `[layers, tokens]`.
        lens: The lens it was read through.
        metric: What was measured.
    """

    prompt: Prompt
    adapters: tuple[str, ...]
    values_LKT: Tensor = field(repr=False)
    peak_LT: Tensor = field(repr=False)
    lens: str
    metric: str

    def mean(self) -> Divergence:
        """The mean over the tokens that hold a part of the query, each counting alike.

        The frame around the query is left out: it is the same for every query. So the paper's
        ablation over all tokens is read, whose prompts are the queries alone.
        """
        query = slice(self.prompt.query_first, self.prompt.query_last + 1)
        return Divergence(
            values_LK=self.values_LKT[:, :, query].mean(dim=2),
            peak_L=self.peak_LT[:, query].mean(dim=1),
            lens=self.lens,
            position=MEAN,
            metric=self.metric,
        )
