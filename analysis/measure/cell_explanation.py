"""The tokens of the vocabulary that make up the divergence of one layer and one adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.inference.head import Head
from analysis.measure.layer_reading import read_layers
from analysis.measure.lenses import BoundLens
from analysis.measure.metrics.kl import kl


@dataclass(frozen=True)
class TokenChange:
    """How an adapter changes the probability of one token of the vocabulary.

    Attributes:
        id: The token's id.
        text: The token as text for people; not escaped.
        base: Its probability in the base's distribution.
        adapter: Its probability in the adapter's distribution.
        base_rank: Its rank in the base's distribution; the most probable token has rank 1.
        adapter_rank: Its rank in the adapter's distribution.
        share: Its share of the divergence: `p log(p/q) − p + q`, over the sum. These terms add up
            to the KL divergence, as `p log(p/q)` alone does, and are never negative.
    """

    id: int
    text: str
    base: float
    adapter: float
    base_rank: int
    adapter_rank: int
    share: float


@dataclass(frozen=True)
class CellExplanation:
    """The tokens behind the divergence of one layer and one adapter.

    Attributes:
        layer: The layer's number.
        adapter: The adapter's name.
        divergence: `KL(p ‖ q)` in nats.
        base_top: The base's most probable tokens.
        adapter_top: The adapter's most probable tokens.
        contributors: The tokens with the largest shares of the divergence; none where it is 0.
    """

    layer: int
    adapter: str
    divergence: float
    base_top: tuple[TokenChange, ...]
    adapter_top: tuple[TokenChange, ...]
    contributors: tuple[TokenChange, ...]


def explain(
    hidden_RD: Tensor,
    head: Head,
    lens: BoundLens,
    layer: int,
    adapters: Sequence[str],
    text_of: Callable[[int], str],
    top: int = 8,
) -> tuple[CellExplanation, ...]:
    """Explains the KL divergences of one layer by their tokens.

    Args:
        hidden_RD: The hidden states of the base and of each adapter, `[1 + adapters, width]`.
        head: The model's head.
        lens: The lens.
        layer: The layer that the hidden states are from.
        adapters: The adapters' names.
        text_of: From a token's id to its text.
        top: How many tokens to list.

    Returns:
        An explanation for each adapter.
    """
    _, base_V, shift_KV = next(read_layers(hidden_RD.unsqueeze(1), head, lens, [layer]))
    return tuple(
        _explain(base_V.double(), shift_V.double(), layer, adapter, text_of, top)
        for adapter, shift_V in zip(adapters, shift_KV, strict=True)
    )


def _explain(
    base_V: Tensor,
    shift_V: Tensor,
    layer: int,
    adapter: str,
    text_of: Callable[[int], str],
    top: int,
) -> CellExplanation:
    divergence = kl(base_V, shift_V.unsqueeze(0))[0]
    log_p_V = torch.log_softmax(base_V, 0)
    log_ratio_V = shift_V - (log_p_V.exp() @ shift_V) - divergence
    p_V, q_V = log_p_V.exp(), (log_p_V + log_ratio_V).exp()
    near_V = log_ratio_V.clamp(-1.0, 1.0)
    # q − p − p log(q/p), from expm1 where q and p are close.
    terms_V = torch.where(
        near_V == log_ratio_V,
        p_V * (torch.expm1(near_V) - near_V),
        q_V - p_V - p_V * log_ratio_V,
    )
    # NumPy counts six times as fast as torch.
    base, changed = p_V.cpu().numpy(), q_V.cpu().numpy()

    def changes(tokens: Tensor) -> tuple[TokenChange, ...]:
        return tuple(
            TokenChange(
                id=token,
                text=text_of(token),
                base=float(base[token]),
                adapter=float(changed[token]),
                base_rank=1 + int(np.count_nonzero(base > base[token])),
                adapter_rank=1 + int(np.count_nonzero(changed > changed[token])),
                share=float(terms_V[token] / divergence) if divergence > 0 else 0.0,
            )
            for token in tokens.tolist()
        )

    return CellExplanation(
        layer=layer,
        adapter=adapter,
        divergence=float(divergence),
        base_top=changes(p_V.topk(top).indices),
        adapter_top=changes(q_V.topk(top).indices),
        contributors=changes(terms_V.topk(top).indices) if divergence > 0 else (),
    )
