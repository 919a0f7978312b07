"""How far an adapter moves the base's distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.lens import Head, read
from analysis.trace import Trace

# expm1 of more than about 709 overflows float64.
_LARGEST_EXPONENT = 700.0


def kl(base_V: Tensor, shift_NV: Tensor) -> Tensor:
    """`KL(p ‖ q)` for `p = softmax(base)` and `q = softmax(base + shift)`, in nats.

    Written in the shift: with `x = shift − E_p[shift]`, `KL = log1p(E_p[expm1(x) − x])`. Every
    term of that mean is at least 0, so nothing cancels and a divergence of 1e-12 keeps its digits
    (the textbook formula loses all of them and can turn negative).

    Args:
        base_V: Logits of the base, `[vocabulary]`.
        shift_NV: What each adapter adds to them, `[n, vocabulary]`.

    Returns:
        `[n]` in float64, finite and at least 0.
    """
    base_V = base_V.double()
    log_normaliser = torch.logsumexp(base_V, dim=0)
    p_V = torch.exp(base_V - log_normaliser)
    return torch.stack([_kl_one(base_V, p_V, shift_V.double()) for shift_V in shift_NV])


def _kl_one(base_V: Tensor, p_V: Tensor, shift_V: Tensor) -> Tensor:
    mean = torch.dot(p_V, shift_V)
    centred_V = shift_V - mean
    if float(centred_V.max()) > _LARGEST_EXPONENT:
        # So large a shift leaves no small difference to protect: the textbook formula serves.
        return (torch.logsumexp(base_V + centred_V, 0) - torch.logsumexp(base_V, 0)).clamp_min(0.0)
    excess_V = torch.expm1(centred_V).sub_(centred_V)
    return torch.log1p(torch.dot(p_V, excess_V)).clamp_min(0.0)


@dataclass(frozen=True)
class Divergence:
    """How far each adapter moves the base's distribution, layer by layer.

    Attributes:
        values_LK: `[layers, adapters]` in nats, float64, finite and at least 0.
        peak_L: The largest probability of the base's distribution, `[layers]`. Where it is 1, the
            lens saturates and the divergence says nothing.
        lens: The lens it was read through.
        position: The token it was read at.
    """

    values_LK: Tensor
    peak_L: Tensor
    lens: str
    position: str


def measure(trace: Trace, head: Head, lens: str = "norm", position: str = "query") -> Divergence:
    """The divergence of every adapter in every layer; runs the head, never the model.

    Args:
        trace: What the forward pass left.
        head: The model's head.
        lens: One of `lens.LENSES`.
        position: One of `trace.POSITIONS`.

    Raises:
        InputError: There is no such lens.
    """
    layers, adapters = trace.layers, len(trace.adapters)
    values_LK = torch.zeros(layers, adapters, dtype=torch.float64)
    peak_L = torch.zeros(layers, dtype=torch.float64)
    for layer, base_V, shift_KV in read(trace.at(position), head, lens):
        values_LK[layer] = kl(base_V, shift_KV).cpu()
        peak_L[layer] = float((base_V.max() - torch.logsumexp(base_V, 0)).exp())
    return Divergence(values_LK, peak_L, lens, position)
