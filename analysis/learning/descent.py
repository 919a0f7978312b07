"""Gradient steps on a policy's parameters, seeded and resumable; the model stays as it is."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.common.progress import time_left
from analysis.inference.mixing.policies import Policy
from analysis.learning.fit import FitContext, TrainingExample

LOSSES = "losses"
"""Name of the tensor with the loss before each step, `[steps]` in float64."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast parameters learn.

    Attributes:
        epochs: How often each example is seen.
        rate: Adam's learning rate after the warm-up.
        warmup: Share of the steps in which the rate grows from 0.
        batch: Examples of a step.
    """

    epochs: int
    rate: float
    warmup: float = 0.0
    batch: int = 4


def descend(
    context: FitContext,
    start: Mapping[str, Tensor],
    policies: Callable[[Mapping[str, Tensor], Sequence[TrainingExample]], Sequence[Policy]],
    schedule: Schedule,
) -> dict[str, Tensor]:
    """Lowers the loss of the context's examples by Adam.

    Args:
        context: The examples, and where an interrupted run left its work.
        start: The parameters at the beginning, by name.
        policies: From parameters to the rule of each of some examples, which uses them.
        schedule: How long and how fast.

    Returns:
        The parameters after the last step, and `LOSSES`.

    Raises:
        InputError: The loss is not finite.
    """
    kept = context.work.read()
    parameters = {
        name: kept.get(name, value).detach().clone().requires_grad_()
        for name, value in start.items()
    }
    optimizer = torch.optim.Adam(parameters.values(), lr=schedule.rate)
    for name, parameter in parameters.items():
        state = {key: kept[f"{name}/{key}"] for key in _ADAM if f"{name}/{key}" in kept}
        if state:
            optimizer.state[parameter] = state
    losses = kept[LOSSES].tolist() if LOSSES in kept else []
    batches = list(_batches(context, schedule))
    began, first = time.monotonic(), len(losses)
    for step in range(first, len(batches)):
        done = step - first
        rest = time_left(time.monotonic() - began, done, len(batches) - first)
        last = f", loss {losses[-1]:.3f}" if losses else ""
        context.progress(f"step {step + 1} of {len(batches)}{last}{rest}", step / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * _warm(step, len(batches), schedule.warmup)
        loss = context.loss(batches[step], policies(parameters, batches[step]))
        if not math.isfinite(float(loss.detach())):
            raise InputError(f"The loss is {float(loss.detach())} at step {step}: fit in float32.")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        context.work.write(
            parameters
            | {
                f"{name}/{key}": value
                for name, parameter in parameters.items()
                # Empty for a parameter that no batch has used yet.
                for key, value in optimizer.state[parameter].items()
            }
            | {LOSSES: torch.tensor(losses, dtype=torch.float64)}
        )
    found = {name: parameter.detach() for name, parameter in parameters.items()}
    return found | {LOSSES: torch.tensor(losses, dtype=torch.float64)}


_ADAM = ("step", "exp_avg", "exp_avg_sq")


def _batches(context: FitContext, schedule: Schedule) -> Iterator[list[TrainingExample]]:
    for epoch in range(schedule.epochs):
        examples = list(context.examples)
        random.Random(f"{context.seed} {epoch}").shuffle(examples)
        for start in range(0, len(examples), schedule.batch):
            yield examples[start : start + schedule.batch]


def _warm(step: int, steps: int, warmup: float) -> float:
    return min(1.0, (step + 1) / max(1, round(steps * warmup)))
