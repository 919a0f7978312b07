"""The most probable next tokens of rows after the same text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import DynamicCache

from analysis.inference.decoding.model import DecodingModel
from analysis.inference.decoding.prompt_passes import run_prompts
from analysis.inference.mixing.policies import Policy


@dataclass(frozen=True)
class NextToken:
    """A token that may come next in a row.

    Attributes:
        id: The token.
        text: The token as text for people; not escaped.
        probability: Its probability in the row's distribution.
    """

    id: int
    text: str
    probability: float


def next_tokens(
    parts: DecodingModel,
    ids: Sequence[int],
    policies: Sequence[Policy],
    count: int,
    also: Sequence[int] = (),
    wanted: Callable[[], object] = lambda: None,
) -> list[tuple[NextToken, ...]]:
    """The most probable next tokens of each row.

    Args:
        parts: The model.
        ids: The text before, the same for all rows.
        policies: Each row's policy.
        count: How many tokens of each row.
        also: Tokens that each row gives in any case.
        wanted: Called now and then while it waits for memory, and before each piece; what it raises
            ends the work.

    Returns:
        For each row its tokens, the most probable first: at most `count` and those of `also`.
    """
    needed = len(policies) * parts.advance.bytes(len(ids))
    parts.admission.enter(needed, wanted)
    try:
        ids_RT = torch.tensor([list(ids)] * len(policies), device=parts.model.device)
        cache = DynamicCache(config=parts.model.config)
        states_RD = run_prompts(parts, ids_RT, parts.mixture.rows_of(policies), cache, wanted)
        p_RV = parts.scheduler.run(partial(_probabilities, parts, states_RD), soon=True)
    finally:
        parts.admission.leave(needed)
    rows = []
    for p_V in p_RV:
        chosen = dict.fromkeys([*p_V.topk(min(count, len(p_V))).indices.tolist(), *also])
        rows.append(
            tuple(
                NextToken(id_, parts.vocabulary.token(id_), float(p_V[id_]))
                for id_ in sorted(chosen, key=lambda id_: -float(p_V[id_]))
            )
        )
    return rows


@torch.inference_mode()
def _probabilities(parts: DecodingModel, states_RD: Tensor) -> Tensor:
    """`[rows, vocabulary]`, on the CPU."""
    return torch.softmax(parts.head.output(states_RD).float(), dim=1).cpu()
