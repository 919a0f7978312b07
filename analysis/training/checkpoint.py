"""Checkpoints: a run that was interrupted goes on, and never goes on as another run."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.training.adapter import adapter_tensors, set_adapter_tensors
from analysis.training.quiet import ForeignRows
from analysis.training.recipe import Recipe
from analysis.training.texts.batches import TokenExample

STATE = "training-state.pt"


@dataclass(frozen=True)
class TrainingHistory:
    """Losses and changes during a run.

    Attributes:
        train: `(step, loss per answer token)`.
        dev: The same on dev sets: `(step, name, loss)`.
        foreign: `(step, relative change on its foreign rows)`, the mean over layers.
        change: `(step, kind of rows, relative change by layer)`, before and after.
    """

    train: tuple[tuple[int, float], ...] = ()
    dev: tuple[tuple[int, str, float], ...] = ()
    foreign: tuple[tuple[int, float], ...] = ()
    change: tuple[tuple[int, str, tuple[float, ...]], ...] = ()


Origin = dict[str, str]
"""All that a run's numbers follow from, as digests by the words that an error uses."""


def origin_of(
    base: Any,
    recipe: Recipe,
    examples: list[TokenExample],
    start: dict[str, Tensor] | None,
    foreign: ForeignRows | None,
) -> Origin:
    """The origin of a run.

    Args:
        base: The causal LM, before an adapter is added.
        recipe: The recipe.
        examples: The rows.
        start: Tensors of the adapter that the run goes on from, if any.
        foreign: The foreign rows, if any.
    """
    return {
        "recipe": _digest(repr(recipe)),
        "base": _tensors_digest(base.state_dict()),
        "dtype": str(base.dtype),
        "start adapter": _tensors_digest(start or {}),
        "rows": _digest(repr(examples)),
        "foreign rows": _digest(repr(foreign)),
    }


def save(
    model: Any, optimizer: Any, origin: Origin, work: Path, step: int, seen: TrainingHistory
) -> None:
    """Writes a checkpoint into `work`, in one step."""
    work.mkdir(parents=True, exist_ok=True)
    state = {
        "origin": origin,
        "step": step,
        "adapter": adapter_tensors(model),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "progress": asdict(seen),
    }
    torch.save(state, work / (STATE + ".new"))
    (work / (STATE + ".new")).replace(work / STATE)


def resume(model: Any, optimizer: Any, origin: Origin, work: Path) -> tuple[int, TrainingHistory]:
    """Puts back the checkpoint in `work`, if any; the step that it was made after, and its history.

    Raises:
        InputError: The checkpoint is damaged, or of a run of another origin.
    """
    path = work / STATE
    if not path.is_file():
        return 0, TrainingHistory()
    try:
        state = torch.load(path, weights_only=True)
        known = state.get("origin", {})
    except Exception as error:  # files that are cut off raise errors of many types
        raise InputError(
            f"The checkpoint {str(path)!r} is damaged ({type(error).__name__}): delete it to train "
            "from the beginning, or name another folder with --work."
        ) from error
    other = [name for name, digest in origin.items() if known.get(name) != digest]
    if other:
        raise InputError(
            f"The checkpoint in {str(work)!r} is of another run: its {', '.join(other)} differ. "
            "Delete it or name another folder with --work."
        )
    set_adapter_tensors(model, state["adapter"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    # JSON has no tuples: lists become tuples again.
    return state["step"], TrainingHistory(**state["progress"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tensors_digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
