"""The likelihood of given answers: one forward pass, the head only where it is needed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from analysis.inference.decoding.model import DecodingModel
from analysis.inference.mixing.policies import Policy

# Logits of as many tokens at a time as fit in this.
_LOGITS_BYTES = 256_000_000


def answer_losses(
    parts: DecodingModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    policies: Sequence[Policy],
    *,
    differentiable: bool = False,
) -> list[Tensor]:
    """The cross-entropy of each answer after its prompt, token by token.

    Args:
        parts: The model; the caller runs in its thread.
        prompts: Token ids of each row's prompt, none empty.
        answers: Token ids of each row's answer.
        policies: Each row's policy.
        differentiable: Keep what gradients for the parameters of rules need. Constant weights get
            none: the forward pass groups rows by their values.

    Returns:
        For each row the losses of its answer's tokens in nats, `[tokens]` in float32 on the CPU;
        where they are differentiable, in float32 or better on the model's device.
    """
    with torch.enable_grad() if differentiable else torch.inference_mode():
        losses_N = _losses(parts, prompts, answers, policies)
    found_N = losses_N if differentiable else losses_N.float().cpu().clone()
    return list(found_N.split([len(answer) for answer in answers]))


def _losses(
    parts: DecodingModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    policies: Sequence[Policy],
) -> Tensor:
    """The losses of all rows' answers, one after the other.

    Rows are padded on the right: with causal attention padding changes nothing before it.
    """
    texts = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    width, device = max(map(len, texts)), parts.model.device
    ids_RT = torch.tensor([ids + [0] * (width - len(ids)) for ids in texts], device=device)
    mask_RT = torch.tensor(
        [[1] * len(ids) + [0] * (width - len(ids)) for ids in texts], device=device
    )
    # The state at a token gives the logits of the next.
    places = [
        row * width + len(prompt) - 1 + token
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
        for token in range(len(answer))
    ]
    target_N = torch.tensor([token for answer in answers for token in answer], device=device)
    with parts.mixture.rows_of(policies).on():
        states_RTD = parts.model.base_model(
            input_ids=ids_RT, attention_mask=mask_RT, use_cache=False
        ).last_hidden_state
    states_ND = states_RTD.flatten(0, 1)[torch.tensor(places, device=device)]
    step = max(1, _LOGITS_BYTES // (4 * len(parts.head.weight_VD)))

    def cross_entropy(part_ND: Tensor, part_N: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(
            parts.head.output(part_ND), part_N, reduction="none"
        )

    losses = []
    for part_ND, part_N in zip(states_ND.split(step), target_N.split(step), strict=True):
        if part_ND.requires_grad:
            # The logits are computed again for the gradient: kept, they would fill the memory.
            losses.append(checkpoint(cross_entropy, part_ND, part_N, use_reentrant=False))
        else:
            losses.append(cross_entropy(part_ND, part_N))
    return torch.cat(losses)
