"""The part of a model between the last block and the logits: final norm, LM head, cap."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.mixing.products import product, transposed_is_faster

_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm")


@dataclass(frozen=True)
class Head:
    """The part of a model between the last block and the logits.

    Attributes:
        weight_VD: The LM head, `[vocabulary, width]`, shared with the model.
        bias_V: Its bias, or None.
        norm: The final norm, computing in float32 or better.
        softcap: Logits are `softcap · tanh(logits / softcap)`; None where they are not capped.
        transposed: The order of products with few states; see `product`.
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
