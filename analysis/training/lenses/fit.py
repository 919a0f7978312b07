"""Fits the matrices of the Jacobian lens: the mean Jacobians over many prompts, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.passes.layer_states import find_blocks
from analysis.training.lenses.jacobians import FIRST_SOURCE, prompt_jacobians
from analysis.training.lenses.sums import Sums, chained


@dataclass(frozen=True)
class FitSettings:
    """How the mean Jacobians are estimated.

    Attributes:
        prompts: Number of prompts.
        tokens: Tokens of a prompt.
        rows: Output dimensions that each prompt estimates; 0 for all. Fewer are cheaper by as
            much, and the estimate stays unbiased: a random order of all dimensions is used up, a
            block for each prompt, before the next begins, so that each row is a mean over as many
            prompts, but not over the same ones.
        first: Positions at the beginning that are left out.
        batch: Backward passes that run together.
        seed: Of the blocks.
    """

    prompts: int = 100
    tokens: int = 128
    rows: int = 0
    first: int = FIRST_SOURCE
    batch: int = 16
    seed: int = 0


def fit_jacobians(
    model: PreTrainedModel,
    prompts: Iterator[tuple[int, ...]],
    settings: FitSettings,
    base: str,
    work: Path,
    log: Callable[[str], None] = lambda line: None,
    checkpoint_seconds: float = 60.0,
) -> tuple[Tensor, Sums]:
    """The mean Jacobians, `[layers, width, width]`; the last layer's is the identity.

    A fit that was interrupted goes on from its checkpoint, with the same result. A fit that is
    done goes on, too, where more prompts are asked for.

    Args:
        model: The base model, in evaluation mode, its parameters frozen.
        prompts: The prompts, the same ones each time.
        settings: The settings.
        base: Digest of the base, as in `Origin`.
        work: The checkpoint's file.
        log: Takes a line of progress.
        checkpoint_seconds: Time between checkpoints.

    Raises:
        InputError: The settings cannot be used, a checkpoint is of another fit, or a gradient is
            not finite.
    """
    config = model.config.get_text_config()
    layers, width = config.num_hidden_layers, config.hidden_size
    _check(settings, width)
    blocks = find_blocks(model, layers)
    rows = settings.rows or width
    sums = _begin(model, settings, base, work)
    sums = _after_checkpoint(sums, prompts, work)
    done, began, saved = sums.prompts, time.monotonic(), time.monotonic()
    for number in range(done, settings.prompts):
        ids = next(prompts)
        outputs = _block(number, rows, width, settings.seed)
        rows_LND = prompt_jacobians(
            model, blocks, ids, outputs.tolist(), first=settings.first, batch=settings.batch
        )
        if not bool(rows_LND.isfinite().all()):
            raise InputError("A gradient is not finite: take --dtype float32.")
        sums.add(ids, outputs, rows_LND.to(sums.rows_LDD))
        now = time.monotonic()
        left = (now - began) / (number + 1 - done) * (settings.prompts - number - 1)
        log(f"prompt {number + 1} of {settings.prompts}, {left / 60:.0f} min left")
        if now - saved > checkpoint_seconds or number + 1 == settings.prompts:
            sums.save(work)
            saved = now
    means_LDD = sums.means()
    identity_LDD = torch.eye(width, dtype=means_LDD.dtype)[None]
    return torch.cat([means_LDD, identity_LDD]), sums


def _check(settings: FitSettings, width: int) -> None:
    for name, least, most in (
        ("prompts", 1, None),
        ("tokens", settings.first + 2, None),
        ("rows", 0, width),
        ("batch", 1, None),
    ):
        value = getattr(settings, name)
        if value < least or (most is not None and value > most):
            upto = f" to {most}" if most is not None else " or more"
            raise InputError(f"--{name} {value} cannot be used: give {least}{upto}.")


def _begin(model: PreTrainedModel, settings: FitSettings, base: str, work: Path) -> Sums:
    """The sums in the checkpoint, or those before the first prompt."""
    config = model.config.get_text_config()
    follows = {
        "base": base,
        "dtype": str(model.dtype),
        "tokens": str(settings.tokens),
        "rows": str(settings.rows or config.hidden_size),
        "first": str(settings.first),
        "seed": str(settings.seed),
    }
    if work.is_file():
        return Sums.load(work, follows)
    dtype = torch.float64 if model.dtype == torch.float64 else torch.float32
    return Sums.none(follows, config.num_hidden_layers, config.hidden_size, dtype)


def _after_checkpoint(sums: Sums, prompts: Iterator[tuple[int, ...]], work: Path) -> Sums:
    """Passes over the prompts that are done, and checks that they were the same.

    Raises:
        InputError: They were not.
    """
    digest = ""
    for _ in range(sums.prompts):
        digest = chained(digest, next(prompts))
    if digest != sums.digest:
        raise InputError(
            f"The checkpoint {work} is of a fit on another text: delete it or name another --work."
        )
    return sums


def _block(number: int, rows: int, width: int, seed: int) -> Tensor:
    """The output dimensions of a prompt: the next block of a random order of all of them."""
    blocks = -(-width // rows)
    turn, place = divmod(number, blocks)
    # A generator of its own for each order: a fit that goes on needs no random state.
    generator = torch.Generator().manual_seed(seed * 1_000_003 + turn)
    order = torch.randperm(width, generator=generator)
    return order[place * rows : (place + 1) * rows].sort().values
