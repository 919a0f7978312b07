"""The training loop: one adapter on a frozen base, seeded, resumable, repeatable."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.common.limits import PASS_TOKENS
from analysis.training.adapter import (
    adapter_weight,
    add_adapter,
    add_start,
    set_adapter_tensors,
    start_adapter,
)
from analysis.training.checkpoint import TrainingHistory, origin_of, resume, save
from analysis.training.head import FrozenHead, batch_loss
from analysis.training.quiet import ForeignRows, mean, mean_change, relative_change
from analysis.training.recipe import Recipe
from analysis.training.texts.batches import TokenExample, bucket, collate


def mean_loss(model: Any, examples: list[TokenExample], batch_tokens: int = PASS_TOKENS) -> float:
    """Loss per answer token over the whole vocabulary, without gradients."""
    total, count = 0.0, 0
    head = FrozenHead.of(model)
    model.eval()
    with torch.inference_mode():
        for group in bucket(examples, batch_tokens, seed=0):
            batch = collate(group)
            total += float(batch_loss(model, batch, head))
            count += len(batch.target_N)
    return total / max(1, count)


def train(
    base: Any,
    recipe: Recipe,
    examples: list[TokenExample],
    dev: dict[str, list[TokenExample]],
    work: Path,
    log: Callable[[str], None],
    evaluations: int = 3,
    checkpoint_seconds: float = 120.0,
    start: dict[str, Tensor] | None = None,
    foreign: ForeignRows | None = None,
) -> tuple[Any, TrainingHistory]:
    """Train one adapter over `examples` once.

    Args:
        base: a causal LM; its weights stay as they are.
        recipe: hyper-parameters and seed.
        examples: the rows, in the order they were drawn.
        dev: named sets whose loss is measured `evaluations` times on the way and at the end.
        work: folder for the checkpoint; a checkpoint of the same run found there is resumed.
        log: takes a line of progress.
        evaluations: how often dev loss is measured.
        checkpoint_seconds: time between checkpoints.
        start: tensors of an adapter to go on from, under PEFT's names.
        foreign: rows with a penalty on their change, if any.

    Returns:
        The PEFT model with the trained adapter, and the history of the run.

    Raises:
        InputError: The base cannot be trained so, the checkpoint in `work` is of another run, or
            the loss is not finite.
    """
    origin = origin_of(base, recipe, examples, start, foreign)
    model = add_adapter(base, recipe)
    if start is not None:
        set_adapter_tensors(model, start)
    if foreign is not None and foreign.keep:
        if start is None:
            raise InputError("quiet keep needs an adapter to go on from. Name one with --start.")
        add_start(model, start)
    trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=recipe.weight_decay)
    batches = bucket(examples, recipe.batch_tokens, recipe.seed)
    targets = {token for example in examples for token in example.answer}
    whole = FrozenHead.of(model)
    some = whole.restricted(targets, recipe.head_vocabulary)
    step, progress = resume(model, optimizer, origin, work)
    if step:
        log(f"resumed at step {step} of {len(batches)}")
    measured_at = {round(len(batches) * i / evaluations) for i in range(1, evaluations + 1)}
    if foreign is not None and not progress.change:
        progress = _measure_change(model, foreign, step, progress, log)
    started = saved = time.monotonic()
    tokens = 0
    while step < len(batches):
        # Without steps over the whole vocabulary, probability leaks to the tokens left out.
        head = some if step % recipe.whole_head_every else whole
        loss, change, seen = _step(model, optimizer, trained, recipe, batches, step, head, foreign)
        step, tokens = step + 1, tokens + seen
        progress = replace(progress, train=(*progress.train, (step, loss)))
        if change is not None:
            progress = replace(progress, foreign=(*progress.foreign, (step, change)))
        recent = [value for _, value in progress.train[-20:]]
        speed = tokens / (time.monotonic() - started)
        quietness = "" if change is None else f"  change on foreign rows {change:.4f}"
        log(
            f"step {step}/{len(batches)}  loss {loss:.3f}  mean of last {len(recent)} "
            f"{sum(recent) / len(recent):.3f}{quietness}  {speed:.0f} tokens/s"
        )
        if step in measured_at:
            for name, rows in dev.items():
                value = mean_loss(model, rows)
                progress = replace(progress, dev=(*progress.dev, (step, name, value)))
                log(f"step {step}  dev loss on {name} {value:.4f}")
        if foreign is not None and step == len(batches):
            progress = _measure_change(model, foreign, step, progress, log)
        if time.monotonic() - saved > checkpoint_seconds or step == len(batches):
            save(model, optimizer, origin, work, step, progress)
            saved = time.monotonic()
    return model, progress


def _measure_change(
    model: Any,
    foreign: ForeignRows,
    step: int,
    progress: TrainingHistory,
    log: Callable[[str], None],
) -> TrainingHistory:
    for kind, rows in foreign.samples.items():
        change_L = tuple(mean_change(model, rows))
        progress = replace(progress, change=(*progress.change, (step, kind, change_L)))
        layers = " ".join(f"{value:.4f}" for value in change_L)
        log(f"step {step}  change on {kind} rows {mean(change_L):.4f}, by layer {layers}")
    return progress


def _step(
    model: Any,
    optimizer: Any,
    trained: list[torch.nn.Parameter],
    recipe: Recipe,
    batches: list[list[TokenExample]],
    step: int,
    head: FrozenHead,
    foreign: ForeignRows | None,
) -> tuple[float, float | None, int]:
    """One optimiser step: the mean loss, the change on foreign rows if any, the tokens seen."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * schedule(step, len(batches), recipe.warmup)
    # Drawn from the step alone, so that a resumed run draws the same weight.
    weight = random.Random(f"{recipe.seed} {step}").uniform(*recipe.weight_range)
    model.train()
    batch = collate(batches[step])
    with adapter_weight(model, weight):
        loss = batch_loss(model, batch, head) / len(batch.target_N)
        loss.backward()
        if foreign is not None and foreign.keep:
            lost = relative_change(model, batch, start_adapter(model))
            (foreign.keep * lost.mean_L.mean()).backward()
    rows, change, tokens = foreign and foreign.at(step), None, batch.tokens
    if foreign is not None and rows:
        foreign_batch = collate(rows)
        found = relative_change(model, foreign_batch)
        found.penalty(foreign).backward()
        change, tokens = float(found.mean_L.detach().mean()), tokens + foreign_batch.tokens
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    value = float(loss.detach())
    if not math.isfinite(value + (change or 0.0)):
        raise InputError(f"The loss is {value} at step {step}. Lower the learning rate.")
    return value, change, tokens


def schedule(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up over the share `warmup` of the steps, then a cosine down to 0."""
    first = max(1, round(steps * warmup))
    if step < first:
        return (step + 1) / first
    return 0.5 * (1 + math.cos(math.pi * (step - first) / max(1, steps - first)))
