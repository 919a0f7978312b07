"""The part of a model between the last block and the logits: final norm, LM head, cap."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.mixing.products import padded_is_faster, product, transposed_is_faster

_NORMS = (
    "norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm", "norm_f", "embedding_norm"
)  # fmt: skip

_SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap")

_ALL = slice(None)
# On a CPU the vocabulary is read in parts: the logits of many states then stay in its caches, where
# those of the whole vocabulary need fresh pages of memory each time.
_CPU_PART = 16_384


@dataclass(frozen=True)
class NextTokens:
    """The distributions over the next token after some states, summed up.

    Attributes:
        best_N: The most probable token of each.
        peak_N: Its logit.
        total_N: The sum over all tokens of `exp(logit − peak)`; 0 where no token ever comes.
    """

    best_N: Tensor
    peak_N: Tensor
    total_N: Tensor

    @property
    def probability_N(self) -> Tensor:
        """The probability of each most probable token."""
        return 1 / self.total_N


@dataclass(frozen=True)
class Head:
    """The part of a model between the last block and the logits.

    Attributes:
        weight_VD: The LM head, `[vocabulary, width]`, shared with the model.
        bias_V: Its bias, scaled, or None.
        norm: The final norm, computing in float32 or better.
        softcap: Logits are `softcap · tanh(logits / softcap)`; None where they are not capped.
        transposed: The order of products with few states; see `product`.
        padded: Whether products with some more states are padded; see `product`.
        scale: The logits are so many times the product of the LM head.
    """

    weight_VD: Tensor = field(repr=False)
    bias_V: Tensor | None = field(repr=False)
    norm: Callable[[Tensor], Tensor] = field(repr=False)
    softcap: float | None
    transposed: bool = False
    padded: bool = False
    scale: float = 1.0

    @classmethod
    def of(cls, model: PreTrainedModel) -> Head:
        """The head of a model.

        Raises:
            InputError: The model's final norm or LM head cannot be found.
        """
        linear = model.get_output_embeddings()
        norm = _final_norm(model)
        if not isinstance(linear, nn.Module) or norm is None:
            raise InputError(
                f"{type(model).__name__} has no LM head or no final norm named one of "
                f"{', '.join(_NORMS)}: choose a causal language model of another family."
            )
        config = model.config.get_text_config()
        weight, bias_V = linear.weight, getattr(linear, "bias", None)
        assert isinstance(weight, Tensor)
        if weight.is_meta or not weight.is_floating_point():
            raise InputError(
                f"The LM head of {type(model).__name__} is quantised or kept off its device, and "
                "lenses need it: leave lm_head as it is, or choose a device map that keeps it."
            )
        scale = _logit_scale(config)
        caps = (getattr(config, name, None) for name in _SOFTCAPS)
        precise = norm if weight.itemsize >= 4 else None
        return cls(
            weight_VD=weight,
            bias_V=bias_V if bias_V is None or scale == 1 else scale * bias_V.detach(),
            norm=precise or copy.deepcopy(norm).float(),
            softcap=next((cap for cap in caps if cap is not None), None),
            transposed=transposed_is_faster(weight),
            padded=padded_is_faster(weight),
            scale=scale,
        )

    def logits(self, states_ND: Tensor, part: slice = _ALL) -> Tensor:
        """`scale · W states` without bias or cap, `[n, vocabulary]` in float32 or better.

        Args:
            states_ND: The states.
            part: The part of the vocabulary; all of it by default.
        """
        states_ND = states_ND.to(self.weight_VD.device, self.weight_VD.dtype)
        weight_MD = self.weight_VD[part]
        product_NV = product(
            states_ND, weight_MD, transposed=self.transposed, padded=self.padded
        ).contiguous()
        product_NV = product_NV if product_NV.itemsize == 8 else product_NV.float()
        return product_NV if self.scale == 1 else product_NV.mul_(self.scale)

    def output(self, states_ND: Tensor, part: slice = _ALL) -> Tensor:
        """The model's own logits, from states that went through the final norm; as `logits`."""
        logits_NV = self.logits(states_ND, part)
        if self.bias_V is not None:
            logits_NV += self.bias_V[part]
        cap = self.softcap
        return logits_NV if cap is None else cap * (logits_NV / cap).tanh()

    def next_tokens(self, states_ND: Tensor) -> NextTokens:
        """The distributions over the next token, from states that went through the final norm.

        The vocabulary is read in parts, with a running maximum and a running sum (Milakov and
        Gimelshein, arXiv 1805.02867).
        """
        whole = len(self.weight_VD)
        step = _CPU_PART if self.weight_VD.device.type == "cpu" else whole
        found: NextTokens | None = None
        for start in range(0, whole, step):
            logits_NV = self.output(states_ND, slice(start, start + step))
            peak_N, best_N = logits_NV.max(dim=1)
            # Softmax sums a row in the same order whatever is beside it, which a sum does not.
            share_N = logits_NV.softmax(dim=1).gather(1, best_N.unsqueeze(1)).squeeze(1)
            # A part may hold nothing but tokens that never come, with logits of −∞.
            total_N = (1 / share_N).masked_fill(peak_N == -torch.inf, 0)
            part = NextTokens(best_N + start, peak_N, total_N)
            found = part if found is None else _joined(found, part)
        assert found is not None
        return found

    def finish(self, base_V: Tensor, shift_NV: Tensor) -> tuple[Tensor, Tensor]:
        """Bias and cap, applied to the base's logits and to the shifts from them."""
        if self.bias_V is not None:
            base_V = base_V + self.bias_V
        if self.softcap is None:
            return base_V, shift_NV
        # tanh(a + b) − tanh(a) = tanh(b) (1 − tanh(a) tanh(a + b)): no difference of near equals.
        cap = self.softcap
        before_V, after_NV = (base_V / cap).tanh(), ((base_V + shift_NV) / cap).tanh()
        return cap * before_V, cap * (shift_NV / cap).tanh() * (1 - before_V * after_NV)


def _joined(some: NextTokens, others: NextTokens) -> NextTokens:
    """Sums up two parts of the vocabulary; of equal logits the first counts, and NaN stays NaN."""
    later_N = (others.peak_N > some.peak_N) | others.peak_N.isnan()
    peak_N = torch.where(later_N, others.peak_N, some.peak_N)
    totals = [
        one.total_N * torch.where(one.peak_N == peak_N, 1, (one.peak_N - peak_N).exp())
        for one in (some, others)
    ]
    best_N = torch.where(later_N, others.best_N, some.best_N)
    return NextTokens(best_N, peak_N, totals[0] + totals[1])


def _final_norm(model: PreTrainedModel) -> nn.Module | None:
    """The norm after the last block: it stands beside the blocks."""
    inner: Any = model.base_model
    for owner in (inner, getattr(inner, "decoder", None)):
        for name in _NORMS:
            norm = getattr(owner, name, None)
            if isinstance(norm, nn.Module):
                return norm
    return None


def _logit_scale(config: Any) -> float:
    """What a model multiplies its logits by."""
    divisor = getattr(config, "logits_scaling", None)  # Granite
    factors = (
        getattr(config, "logit_scale", None),  # Cohere
        getattr(config, "lm_head_multiplier", None),  # Falcon-H1
        None if not divisor else 1 / divisor,
    )
    return next((float(one) for one in factors if isinstance(one, (int, float))), 1.0)
