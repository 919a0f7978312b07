"""The divergence at every token of a prompt, and its mean over the query's."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.head import Head
from analysis.inference.prompt import Prompt
from analysis.measure.divergence import Divergence, peak
from analysis.measure.layer_reading import read_layers
from analysis.measure.metrics import measure_all
from analysis.measure.trace import MEAN


@dataclass(frozen=True)
class EveryToken:
    """How far each adapter moves the base's distribution at every token.

    Attributes:
        prompt: What the model read.
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
    hidden_RLTD: Tensor,
    head: Head,
    lens: str,
    metric: str,
    progress: Progress | None = None,
) -> EveryToken:
    """Measures the divergence at every token of a prompt.

    Args:
        prompt: What the model read.
        adapters: The adapters behind the base.
        hidden_RLTD: States after each block, the base's first.
        head: The LM head with the final norm.
        lens: Name of a lens.
        metric: Name of a metric.
        progress: Told after each token; what it raises stops the reading.
    """
    _, layers, count, _ = hidden_RLTD.shape
    values_LKT = torch.zeros(layers, len(adapters), count, dtype=torch.float64)
    peak_LT = torch.zeros(layers, count, dtype=torch.float64)
    for token in range(count):
        for layer, base_V, shift_KV in read_layers(hidden_RLTD[:, :, token], head, lens):
            values_LKT[layer, :, token] = measure_all((metric,), base_V, shift_KV)[0].cpu()
            peak_LT[layer, token] = peak(base_V)
        if progress is not None:
            progress(f"reading token {token + 1} of {count}", (token + 1) / count)
    return EveryToken(prompt, adapters, values_LKT, peak_LT, lens, metric)
