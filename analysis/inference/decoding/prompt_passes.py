"""Runs prompts before their answers, in pieces between which other work runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from transformers import Cache

from analysis.inference.decoding.model import DecodingModel
from analysis.inference.mixing.applied_rows import AppliedRows
from analysis.inference.passes.prefixes import positions


def run_prompts(
    parts: DecodingModel,
    ids_RT: Tensor,
    applied: AppliedRows,
    cache: Cache,
    wanted: Callable[[], object],
) -> Tensor:
    """Runs prompts of one length.

    Args:
        parts: The model.
        ids_RT: Their tokens.
        applied: Their rows on the model.
        cache: Gets their keys and values.
        wanted: Called before each piece; what it raises ends the work.

    Returns:
        The states after their last tokens, `[rows, width]`.
    """
    rows, length = ids_RT.shape
    most = length if parts.piece_tokens is None else max(1, parts.piece_tokens // rows)
    done = 0
    for part_Rt in ids_RT.split(most, dim=1):
        wanted()
        piece = partial(_run, parts, part_Rt, done, cache, applied)
        states_RD = parts.scheduler.run(piece, soon=True)
        done += part_Rt.shape[1]
    return states_RD


@torch.inference_mode()
def _run(
    parts: DecodingModel, ids_RT: Tensor, done: int, cache: Cache, applied: AppliedRows
) -> Tensor:
    """A piece of prompts, after `done` tokens; the states after its last, `[rows, width]`."""
    with applied.on():
        output = parts.model.base_model(
            input_ids=ids_RT, position_ids=positions(done, ids_RT), cache=cache, use_cache=True
        )
    states_RD: Tensor = output.last_hidden_state[:, -1]
    return states_RD
