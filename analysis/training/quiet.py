"""Quiet training: a penalty on changes in rows of other domains.

An adapter that was trained on rows of its own kind alone moves every text, also where it has
nothing to say. Fusion by divergence then weighs habit and size instead of relevance. So a batch of
foreign rows is read with and without the adapter, and a penalty on the change is added to the loss.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.common.limits import PASS_TOKENS
from analysis.inference.passes.layer_states import find_blocks
from analysis.training.recipe import Quiet
from analysis.training.texts.batches import TokenBatch, TokenExample, bucket, collate

SAMPLE_TOKENS = 2_000
"""Tokens of own and of foreign rows, not trained on in the run, that the change is reported on."""


@dataclass(frozen=True)
class ForeignRows:
    """The rows that a run must not change, and the rows whose change is reported.

    Attributes:
        batches: Rows, a batch for each step that has a penalty.
        weight: Of the change beside the loss.
        start: Share of the weight on the change at each prompt's last token.
        every: A batch comes with the first of so many steps.
        keep: Weight of the change from the adapter that the run goes on from, on own rows.
        samples: Rows to report on, by kind (`own`, `foreign`).
    """

    batches: list[list[TokenExample]]
    weight: float
    start: float
    every: int
    keep: float
    samples: dict[str, list[TokenExample]]

    def at(self, step: int) -> list[TokenExample] | None:
        """The batch of a step, None where it has none."""
        number, rest = divmod(step, self.every)
        return None if rest else self.batches[number % len(self.batches)]


def foreign_rows(
    quiet: Quiet,
    examples: list[TokenExample],
    samples: dict[str, list[TokenExample]],
    tokens: int,
    seed: int,
) -> ForeignRows:
    """Foreign rows as the batches of a run.

    Args:
        quiet: The recipe's.
        examples: Foreign rows, in the order they were drawn.
        samples: As in `ForeignRows`.
        tokens: The most in a batch, padding included.
        seed: Of the order of the batches.
    """
    return ForeignRows(
        bucket(examples, tokens, seed), quiet.weight, quiet.start, quiet.every, quiet.keep, samples
    )


@dataclass(frozen=True)
class RelativeChange:
    """How far an adapter, at its present weight, moves the base's states: ‖Δh‖² / ‖h‖².

    Attributes:
        mean_L: The mean over tokens after each block, `[layers]`, in float32 or better.
        start_L: The same over the prompts' last tokens alone, where answers begin.
    """

    mean_L: Tensor
    start_L: Tensor

    def penalty(self, foreign: ForeignRows) -> Tensor:
        """The penalty on the change, which is added to the loss: a number."""
        at_start = foreign.start * self.start_L.mean()
        return foreign.weight * (at_start + (1 - foreign.start) * self.mean_L.mean())


def relative_change(
    model: Any, batch: TokenBatch, reference: AbstractContextManager[None] | None = None
) -> RelativeChange:
    """The change of an adapter on some rows. Gradients flow to the adapter.

    The first token of a row is left out: it stands for the beginning of every text, and its state
    is many times longer than any other. Padding is left out too.

    Args:
        model: A PEFT model; its active adapter is judged.
        batch: The rows that are compared.
        reference: Within it the model computes the states `h` to compare with; by default those
            of the base alone.
    """
    with torch.no_grad(), reference or model.disable_adapter():
        before = _states(model, batch)
    after = _states(model, batch)
    counted_RT = batch.mask_RT.bool()
    counted_RT[:, 0] = False
    counted_RT = counted_RT.to(before[0].device)
    start_RT = torch.zeros_like(counted_RT)
    start_RT[torch.arange(len(batch.start_R)), batch.start_R] = True
    starts_N = start_RT[counted_RT]
    means, starts = [], []
    for base_RTD, adapted_RTD in zip(before, after, strict=True):
        base_ND, adapted_ND = (_precise(one[counted_RT]) for one in (base_RTD, adapted_RTD))
        change_N = (adapted_ND - base_ND).square().sum(dim=1)
        relative_N = change_N / base_ND.square().sum(dim=1).clamp_min(1e-30)
        means.append(relative_N.mean())
        # A prompt of one token begins and ends in its first, which does not count.
        starts.append(relative_N[starts_N].mean() if starts_N.any() else relative_N.sum() * 0)
    return RelativeChange(torch.stack(means), torch.stack(starts))


def mean_change(
    model: Any, examples: list[TokenExample], batch_tokens: int = PASS_TOKENS
) -> list[float]:
    """The relative change on some rows, by layer: the mean over all their tokens."""
    total_L = torch.zeros(())
    count = 0
    model.eval()
    with torch.inference_mode():
        for group in bucket(examples, batch_tokens, seed=0):
            tokens = sum(len(example) - 1 for example in group)
            total_L = (
                total_L + tokens * relative_change(model, collate(group)).mean_L.double().cpu()
            )
            count += tokens
    found: list[float] = (total_L / max(1, count)).tolist()
    return found


def mean(change_L: Sequence[float]) -> float:
    """The mean over layers."""
    return sum(change_L) / len(change_L)


def _states(model: Any, batch: TokenBatch) -> list[Tensor]:
    """The output of each block, `[rows, tokens, width]`."""
    inner = model.get_base_model()
    states: list[Tensor] = []

    def keep(_: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states.append(output if isinstance(output, Tensor) else output[0])

    blocks = find_blocks(inner, inner.config.get_text_config().num_hidden_layers)
    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        inner.base_model(
            input_ids=batch.ids_RT.to(inner.device),
            attention_mask=batch.mask_RT.to(inner.device),
            use_cache=False,
        )
    finally:
        for handle in handles:
            handle.remove()
    return states


def _precise(states_ND: Tensor) -> Tensor:
    return states_ND if states_ND.itemsize >= 4 else states_ND.float()
