"""Cross-entropy through a frozen LM head, without keeping its logits.

With 262 144 tokens in the vocabulary the head costs more than the rest of a small model. The
head is frozen, so the gradient with respect to the hidden states can be formed chunk by chunk
while the loss is computed, and the logits are thrown away at once.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from analysis.training.texts.batches import Batch


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, head_VD: Tensor, target_N: Tensor) -> Tensor:
        total = hidden_ND.new_zeros((), dtype=torch.float32)
        grad_ND = torch.empty_like(hidden_ND)
        chunk = max(1, (1 << 26) // head_VD.shape[0])
        for start in range(0, len(hidden_ND), chunk):
            part = slice(start, start + chunk)
            logits = (hidden_ND[part] @ head_VD.T).float()
            target = target_N[part, None]
            logits -= logits.logsumexp(dim=-1, keepdim=True)
            total -= logits.gather(1, target).sum()
            if ctx.needs_input_grad[0]:
                logits.exp_()
                logits.scatter_add_(1, target, torch.full_like(target, -1, dtype=logits.dtype))
                grad_ND[part] = logits.to(head_VD.dtype) @ head_VD
        ctx.save_for_backward(grad_ND)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad_ND,) = ctx.saved_tensors
        return grad_ND * grads[0], None, None


def head_loss(hidden_ND: Tensor, head_VD: Tensor, target_N: Tensor) -> Tensor:
    """Summed cross-entropy of `hidden_ND @ head_VD.T` against `target_N`; head is frozen."""
    loss: Tensor = _HeadLoss.apply(hidden_ND, head_VD, target_N)  # type: ignore[no-untyped-call]
    return loss


@dataclass(frozen=True)
class Restriction:
    """A softmax over some tokens only: their sorted ids `[C]` and the head's rows `[C, D]`."""

    ids_C: Tensor
    head_CD: Tensor


def restrict(model: Any, targets: set[int], common: int) -> Restriction:
    """The head's rows for `targets` and for the first `common` ids, which BPE found first.

    Training leaves the rest of the vocabulary out of the softmax. It saves much time where the
    vocabulary is far larger than the tokens in use. Evaluation never restricts the softmax.
    """
    head_VD = frozen_head(model)
    ids_C = torch.tensor(sorted(targets | set(range(min(common, len(head_VD))))))
    return Restriction(ids_C, head_VD[ids_C.to(head_VD.device)])


def frozen_head(model: Any) -> Tensor:
    """The LM head's weight `[V, D]`, detached."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    head_VD: Tensor = inner.lm_head.weight.detach()
    return head_VD


def batch_loss(model: Any, batch: Batch, restriction: Restriction | None = None) -> Tensor:
    """Summed cross-entropy over the answer tokens of a batch, for a causal LM or a PEFT one."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    states_RTD = inner.model(
        input_ids=batch.ids_RT.to(inner.device),
        attention_mask=batch.mask_RT.to(inner.device),
        use_cache=False,
    ).last_hidden_state
    hidden_ND = states_RTD.flatten(0, 1)[batch.position_N.to(inner.device)]
    head, target_N = frozen_head(model), batch.target_N
    if restriction is not None:
        head, target_N = restriction.head_CD, torch.searchsorted(restriction.ids_C, target_N)
    return head_loss(hidden_ND, head, target_N.to(inner.device))
