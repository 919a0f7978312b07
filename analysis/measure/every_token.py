"""The divergence at every token of a prompt, and its mean over the query's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.head import Head
from analysis.inference.prompt import Prompt
from analysis.measure.divergence import Divergence, Each, measured
from analysis.measure.layer_reading import read_layers
from analysis.measure.lenses import BoundLens
from analysis.measure.metrics import metric_of
from analysis.measure.trace import MEAN

# The part of the progress that the forward pass takes; the LM head takes far longer.
_TRACING = 0.1


@dataclass(frozen=True)
class EveryToken:
    """How far each adapter moves the base's distribution at every token.

    Attributes:
        prompt: The prompt.
        adapters: Names of the adapters.
        values_LKT: `[layers, adapters, tokens]`, float64, finite and at least 0.
        peak_LT: The largest probability of the base's distribution, `[layers, tokens]`.
        lens: Name of the lens.
        metric: Name of the metric.
    """

    prompt: Prompt
    adapters: tuple[str, ...]
    values_LKT: Tensor = field(repr=False)
    peak_LT: Tensor = field(repr=False)
    lens: str
    metric: str

    def among(self, adapters: tuple[str, ...]) -> EveryToken:
        """The view of some of the adapters."""
        places = [self.adapters.index(name) for name in adapters]
        return replace(self, adapters=adapters, values_LKT=self.values_LKT[:, places])

    def at(self, place: int) -> Divergence:
        """The divergence at one token of the prompt, given by its index."""
        return Divergence(
            values_LK=self.values_LKT[:, :, place],
            peak_L=self.peak_LT[:, place],
            lens=self.lens,
            position=f"token:{place}",
            metric=self.metric,
        )

    def mean(self) -> Divergence:
        """The mean over the tokens that hold a part of the query, each counting alike.

        The frame around the query is left out, since it is the same for every query. The mean is
        thus that of the paper's ablation over all tokens, whose prompts are the queries alone.
        """
        query = slice(self.prompt.query_first, self.prompt.query_last + 1)
        return Divergence(
            values_LK=self.values_LKT[:, :, query].mean(dim=2),
            peak_L=self.peak_LT[:, query].mean(dim=1),
            lens=self.lens,
            position=MEAN,
            metric=self.metric,
        )


def read_every(
    prompt: Prompt,
    adapters: tuple[str, ...],
    states: Callable[[range, Progress], Tensor],
    part: int,
    head: Head,
    lens: BoundLens,
    metric: str,
    progress: Progress | None = None,
    each: Each = iter,
) -> EveryToken:
    """Reads a prompt's states at all its tokens, some tokens at a time.

    Of the states only those of one part are in memory at a time; the results of all tokens are.

    Args:
        prompt: The prompt.
        adapters: The adapters behind the base.
        states: Runs the model and gives its states after each block at some tokens,
            `[1 + adapters, layers, tokens, width]`, the base's first.
        part: How many tokens' states are in memory at a time.
        head: The LM head with the final norm.
        lens: The lens.
        metric: Name of a metric.
        progress: Told after each layer of a forward pass and after each token; an exception that
            it raises stops the work.
        each: Iterates over the layers of a token, which read the head as it goes; from a scheduler.
    """
    tell = progress or (lambda what, share: None)
    count = len(prompt.ids)
    parts = []
    for first in range(0, count, part):
        places = range(first, min(first + part, count))

        def told(what: str, share: float, places: range = places) -> None:
            tell(what, (places.start + _TRACING * len(places) * share) / count)

        # The states live in the call alone, so that they are gone before the next part runs.
        parts.append(
            _read_part(states(places, told), places, count, head, lens, metric, tell, each)
        )
    return EveryToken(
        prompt,
        adapters,
        values_LKT=torch.cat([values_LKt for values_LKt, _ in parts], dim=2),
        peak_LT=torch.cat([peak_Lt for _, peak_Lt in parts], dim=1),
        lens=lens.name,
        metric=metric,
    )


def _read_part(
    hidden_RLtD: Tensor,
    places: range,
    count: int,
    head: Head,
    lens: BoundLens,
    metric: str,
    tell: Progress,
    each: Each,
) -> tuple[Tensor, Tensor]:
    """Divergences `[layers, adapters, t]` and the base's peaks `[layers, t]` at some tokens."""
    rows, layers, tokens, _ = hidden_RLtD.shape
    chosen = [metric_of(metric)]
    values_LKt = torch.zeros(layers, rows - 1, tokens, dtype=torch.float64)
    peak_Lt = torch.zeros(layers, tokens, dtype=torch.float64)
    for place, token in enumerate(places):
        read = read_layers(hidden_RLtD[:, :, place], head, lens)
        for layer, values_1K, largest in each(measured(read, chosen)):
            values_LKt[layer, :, place], peak_Lt[layer, place] = values_1K[0], largest
        done = _TRACING + (1 - _TRACING) * (place + 1) / tokens
        tell(f"reading token {token + 1} of {count}", (places.start + done * tokens) / count)
    return values_LKt, peak_Lt
