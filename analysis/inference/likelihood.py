"""The likelihood of given answers: one forward pass, the head only where it is needed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

from analysis.inference.decoding.model import DecodingModel
from analysis.inference.decoding.row_caches import keep_rows
from analysis.inference.mixing.policies import Policy
from analysis.inference.passes.prefixes import positions

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
        pairs = {(tuple(prompt), id(one)) for prompt, one in zip(prompts, policies, strict=True)}
        # Not where a model cannot go on after a prompt with several tokens, as some with states of
        # convolutions cannot. A pass more costs less than half of the prompts.
        shares = not differentiable and parts.piece_tokens is not None
        states_of = _after_prompts if shares and 2 * len(pairs) <= len(prompts) else _whole_texts
        losses_N = _losses(parts, answers, states_of(parts, prompts, answers, policies))
    found_N = losses_N if differentiable else losses_N.float().cpu().clone()
    return list(found_N.split([len(answer) for answer in answers]))


def _whole_texts(
    parts: DecodingModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    policies: Sequence[Policy],
) -> Tensor:
    """The states that give the answers' tokens, `[tokens, width]`, from one pass of whole texts.

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
    with parts.mixture.rows_of(policies).on():
        states_RTD: Tensor = parts.model.base_model(
            input_ids=ids_RT, attention_mask=mask_RT, use_cache=False
        ).last_hidden_state
    return states_RTD.flatten(0, 1)[torch.tensor(places, device=device)]


def _after_prompts(
    parts: DecodingModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    policies: Sequence[Policy],
) -> Tensor:
    """As `_whole_texts`; a prompt runs once for all its answers with the same policy."""
    by_length: dict[int, dict[tuple[tuple[int, ...], int], list[int]]] = {}
    for row, (prompt, policy) in enumerate(zip(prompts, policies, strict=True)):
        same = by_length.setdefault(len(prompt), {})
        same.setdefault((tuple(prompt), id(policy)), []).append(row)
    found: dict[int, Tensor] = {}
    for length, same in by_length.items():
        rows = [row for own in same.values() for row in own]
        states_NTD = _continued(parts, prompts, answers, policies, length, list(same.values()))
        for row, states_TD in zip(rows, states_NTD, strict=True):
            found[row] = states_TD[: len(answers[row])]
    return torch.cat([found[row] for row in range(len(prompts))])


def _continued(
    parts: DecodingModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    policies: Sequence[Policy],
    length: int,
    same: Sequence[Sequence[int]],
) -> Tensor:
    """The states that give the tokens of some answers, `[rows, tokens, width]`, padded.

    Args:
        parts: The model.
        prompts: Token ids of all rows' prompts.
        answers: Token ids of all rows' answers.
        policies: All rows' policies.
        length: The length of these rows' prompts.
        same: These rows; those with the same prompt and policy together.
    """
    device, firsts = parts.model.device, [own[0] for own in same]
    cache = DynamicCache(config=parts.model.config)

    def run(ids: Sequence[Sequence[int]], done: int, of: Sequence[int]) -> Tensor:
        ids_NT = torch.tensor(ids, device=device)
        with parts.mixture.rows_of([policies[row] for row in of]).on():
            states_NTD: Tensor = parts.model.base_model(
                input_ids=ids_NT, position_ids=positions(done, ids_NT), cache=cache, use_cache=True
            ).last_hidden_state
        return states_NTD

    last_n1D = run([prompts[row] for row in firsts], 0, firsts)[:, -1:]
    rows = [row for own in same for row in own]
    copies = torch.tensor([place for place, own in enumerate(same) for _ in own], device=device)
    states_NTD = last_n1D[copies]
    # The last token of an answer gives no other.
    width = max(len(answers[row]) for row in rows) - 1
    if width > 0:
        keep_rows(cache, copies)
        given = [[*answers[row][:-1], *[0] * (width + 1 - len(answers[row]))] for row in rows]
        given = [ids[:width] for ids in given]
        states_NTD = torch.cat([states_NTD, run(given, length, rows)], dim=1)
    return states_NTD


def _losses(parts: DecodingModel, answers: Sequence[Sequence[int]], states_ND: Tensor) -> Tensor:
    """The losses of all answers' tokens, one after the other, from the states before them."""
    target_N = torch.tensor(
        [token for answer in answers for token in answer], device=parts.model.device
    )
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
