"""Cross-entropy through a frozen LM head, without keeping its logits.

With 262 144 tokens in the vocabulary the head costs more than the rest of a small model. The
head is frozen, so the gradient with respect to the hidden states can be formed chunk by chunk
while the loss is computed, and the logits are thrown away at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor

from analysis.common.errors import InputError
from analysis.inference.head import Head
from analysis.training.texts.batches import TokenBatch


@dataclass(frozen=True)
class FrozenHead:
    """The LM head of a model that is trained; it does not learn.

    Attributes:
        weight_CD: The rows of its weight.
        bias_C: Its bias, or None.
        softcap: As in `Head`.
        scale: As in `Head`.
        ids_C: The sorted ids of the tokens whose rows these are; None where it has all tokens.
    """

    weight_CD: Tensor
    bias_C: Tensor | None = None
    softcap: float | None = None
    scale: float = 1.0
    ids_C: Tensor | None = None

    @classmethod
    def of(cls, model: Any) -> FrozenHead:
        """The head of a causal LM or a PEFT one.

        Raises:
            InputError: The LM head is adapted, cannot be found, or does not give the logits.
        """
        inner = _inner(model)
        if isinstance(inner.get_output_embeddings(), LoraLayer):
            raise InputError("The LM head stays as it is. Leave it out of the recipe's `modules`.")
        head = Head.of(inner)
        model.eval()
        with torch.inference_mode():
            ids_RT = torch.tensor([[0, 1]], device=inner.device)
            own_TV = inner(input_ids=ids_RT).logits[0].float()
            states_TD = inner.base_model(input_ids=ids_RT).last_hidden_state[0]
            found_TV = head.output(states_TD).to(own_TV)
        if not torch.allclose(found_TV, own_TV, rtol=0.05, atol=0.05 * float(own_TV.abs().max())):
            raise InputError(
                f"{type(inner).__name__}: its last states and its LM head do not give its logits, "
                "so training would lower another loss. Choose another family."
            )
        bias_V = None if head.bias_V is None else head.bias_V.detach()
        return cls(head.weight_VD.detach(), bias_V, head.softcap, head.scale)

    def restricted(self, targets: set[int], common: int) -> FrozenHead:
        """The head for `targets` and for the first `common` ids, which BPE found first.

        Training leaves the rest of the vocabulary out of the softmax. It saves much time where the
        vocabulary is far larger than the tokens in use. Evaluation never restricts the softmax.
        """
        ids_C = torch.tensor(sorted(targets | set(range(min(common, len(self.weight_CD))))))
        rows_C = ids_C.to(self.weight_CD.device)
        bias_C = None if self.bias_C is None else self.bias_C[rows_C]
        return FrozenHead(self.weight_CD[rows_C], bias_C, self.softcap, self.scale, ids_C)


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, head: FrozenHead, target_N: Tensor) -> Tensor:
        total = hidden_ND.new_zeros((), dtype=torch.float32)
        grad_ND = torch.empty_like(hidden_ND)
        weight_CD, cap = head.weight_CD, head.softcap
        slope: Tensor | None = None
        chunk = max(1, (1 << 26) // weight_CD.shape[0])
        for start in range(0, len(hidden_ND), chunk):
            part = slice(start, start + chunk)
            logits = (hidden_ND[part] @ weight_CD.T).float()
            if head.bias_C is not None:
                logits += head.bias_C
            if cap is not None:
                logits = (logits / cap).tanh_()
                slope = 1 - logits.square()
                logits *= cap
            target = target_N[part, None]
            logits -= logits.logsumexp(dim=-1, keepdim=True)
            total -= logits.gather(1, target).sum()
            if ctx.needs_input_grad[0]:
                logits.exp_()
                logits.scatter_add_(1, target, torch.full_like(target, -1, dtype=logits.dtype))
                if slope is not None:
                    logits *= slope
                grad_ND[part] = logits.to(weight_CD.dtype) @ weight_CD
        ctx.save_for_backward(grad_ND)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad_ND,) = ctx.saved_tensors
        return grad_ND * grads[0], None, None


def head_loss(hidden_ND: Tensor, head: FrozenHead, target_N: Tensor) -> Tensor:
    """Summed cross-entropy of the head's logits against `target_N`, places among its rows."""
    scaled_ND = hidden_ND if head.scale == 1 else hidden_ND * head.scale
    loss: Tensor = _HeadLoss.apply(scaled_ND, head, target_N)  # type: ignore[no-untyped-call]
    return loss


def batch_loss(model: Any, batch: TokenBatch, head: FrozenHead) -> Tensor:
    """Summed cross-entropy over the answer tokens of a batch, for a causal LM or a PEFT one."""
    inner = _inner(model)
    states_RTD = inner.base_model(
        input_ids=batch.ids_RT.to(inner.device),
        attention_mask=batch.mask_RT.to(inner.device),
        use_cache=False,
    ).last_hidden_state
    hidden_ND = states_RTD.flatten(0, 1)[batch.position_N.to(inner.device)]
    target_N = batch.target_N
    if head.ids_C is not None:
        target_N = torch.searchsorted(head.ids_C, target_N)
    return head_loss(hidden_ND, head, target_N.to(inner.device))


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
