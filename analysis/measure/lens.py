"""From a hidden state to a distribution over the vocabulary.

Lenses differ in what they do before the LM head: `raw` nothing (the paper's formula,
`z = W_LM h`), `norm` the model's final norm (the logit lens as commonly used). What they show of
early layers are not calibrated probabilities.

A lens reads the base's logits and, for each adapter, the shift that the adapter adds to them. The
shift is computed from the difference of the hidden states, before the head: the difference of two
logits would have lost its digits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.inference.mixing.products import product, transposed_is_faster

if TYPE_CHECKING:
    # The page lists the lenses before it can wait for torch.
    from torch import Tensor
    from transformers import PreTrainedModel

# Logits of as many layers at a time as fit in this: few products with the large head, flat memory.
_BUDGET_BYTES = 280_000_000
_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm")


@dataclass(frozen=True)
class Head:
    """The part of a model between the last block and the logits.

    Attributes:
        weight_VD: The LM head, `[vocabulary, width]`, shared with the model.
        bias_V: Its bias, or None.
        norm: The final norm, computing in float32 or better.
        softcap: Logits are `softcap · tanh(logits / softcap)`; None where they are not capped.
        transposed: Whether few states are multiplied the other way round; see `product`.
    """

    weight_VD: Tensor = field(repr=False)
    bias_V: Tensor | None = field(repr=False)
    norm: Callable[[Tensor], Tensor] = field(repr=False)
    softcap: float | None
    transposed: bool = False

    @classmethod
    def of(cls, model: PreTrainedModel) -> Head:
        """The head of a model.

        Raises:
            InputError: The model's final norm or LM head cannot be found.
        """
        from torch import Tensor, nn

        linear = model.get_output_embeddings()
        inner = model.base_model
        norm = next((getattr(inner, name) for name in _NORMS if hasattr(inner, name)), None)
        if not isinstance(linear, nn.Module) or norm is None:
            raise InputError(
                f"{type(model).__name__} has no LM head or no final norm named one of "
                f"{', '.join(_NORMS)}: choose a causal language model of another family."
            )
        config = model.config.get_text_config()
        weight = linear.weight
        assert isinstance(weight, Tensor)
        precise = norm if weight.itemsize >= 4 else None
        return cls(
            weight_VD=weight,
            bias_V=getattr(linear, "bias", None),
            norm=precise or copy.deepcopy(norm).float(),
            softcap=getattr(config, "final_logit_softcapping", None),
            transposed=transposed_is_faster(weight),
        )

    def logits(self, states_ND: Tensor) -> Tensor:
        """`W states` without bias or cap, `[n, vocabulary]` in float32 or better."""
        states_ND = states_ND.to(self.weight_VD.device, self.weight_VD.dtype)
        product_NV = product(states_ND, self.weight_VD, self.transposed).contiguous()
        return product_NV if product_NV.itemsize == 8 else product_NV.float()

    def output(self, states_ND: Tensor) -> Tensor:
        """The model's own logits, from states that went through the final norm."""
        logits_NV = self.logits(states_ND)
        if self.bias_V is not None:
            logits_NV += self.bias_V
        cap = self.softcap
        return logits_NV if cap is None else cap * (logits_NV / cap).tanh()

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


def _raw(hidden: Tensor, head: Head) -> Tensor:
    return hidden


def _norm(hidden: Tensor, head: Head) -> Tensor:
    return head.norm(hidden)


LENSES: dict[str, Callable[[Tensor, Head], Tensor]] = {"norm": _norm, "raw": _raw}


def check_lens(lens: str) -> None:
    """Refuses a lens that is not there.

    Raises:
        InputError: There is no such lens.
    """
    if lens not in LENSES:
        raise InputError(f"There is no lens {lens!r}: take one of {', '.join(LENSES)}.")


def read(
    hidden_RLD: Tensor, head: Head, lens: str = "norm"
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Reads every layer through a lens, a few layers at a time.

    Args:
        hidden_RLD: Hidden states, the base's row first, `[1 + adapters, layers, width]`.
        head: The model's head.
        lens: One of `LENSES`.

    Yields:
        The layer, the base's logits `[vocabulary]`, and each adapter's shift of them
        `[adapters, vocabulary]`.

    Raises:
        InputError: There is no such lens.
    """
    import torch

    check_lens(lens)
    if hidden_RLD.dtype != torch.float64:
        hidden_RLD = hidden_RLD.float()
    with torch.inference_mode():
        states_RLD = LENSES[lens](hidden_RLD.to(head.weight_VD.device), head)
        states_RLD = torch.cat([states_RLD[:1], states_RLD[1:] - states_RLD[:1]])
        rows, layers, width = states_RLD.shape
        bytes_a_layer = rows * head.weight_VD.shape[0] * 4
        groups = -(-layers // max(1, _BUDGET_BYTES // bytes_a_layer))
        step = -(-layers // groups)  # groups of about the same size: a small one is slow
        for first in range(0, layers, step):
            group_RGD = states_RLD[:, first : first + step]
            logits_GRV = head.logits(group_RGD.transpose(0, 1).reshape(-1, width)).view(
                -1, rows, head.weight_VD.shape[0]
            )
            for offset, logits_RV in enumerate(logits_GRV):
                base_V, shift_KV = head.finish(logits_RV[0], logits_RV[1:])
                yield first + offset, base_V, shift_KV
