"""Rows on a model: hooks that stay for one forward pass and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from analysis.inference.mixing.deltas import Delta, RuledAdapters


@dataclass(frozen=True)
class ModuleDeltas:
    """The terms that one module adds to the rows of a batch.

    Attributes:
        module: The linear module.
        block: The block of the module.
        constant: Terms with constant weights.
        ruled: Terms whose weights a rule gives.
    """

    module: nn.Module
    block: nn.Module
    constant: Sequence[Delta]
    ruled: Sequence[RuledAdapters]


class AppliedRows:
    """Rows that can be put on a model for one forward pass.

    Args:
        rows: Number of rows.
        deltas: The terms of each module.
    """

    def __init__(self, rows: int, deltas: Sequence[ModuleDeltas]) -> None:
        self._rows = rows
        self._deltas = deltas

    @contextmanager
    def on(self, read_RT: Tensor | None = None) -> Iterator[None]:
        """Within this context the model computes these rows; after it, it is the base again.

        Args:
            read_RT: Whether each token of the pass is a part of its row's text; None where all
                are. Padding has no part in the weights that are recorded.
        """
        handles = []
        block_inputs: dict[nn.Module, Tensor] = {}
        try:
            for block in {one.block for one in self._deltas if one.ruled}:
                keep = _keep_input(block_inputs)
                handles.append(block.register_forward_pre_hook(keep, with_kwargs=True))
            for one in self._deltas:
                add = _add(self._rows, one, block_inputs, read_RT)
                handles.append(one.module.register_forward_hook(add))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _keep_input(
    block_inputs: dict[nn.Module, Tensor],
) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
    def keep(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        block_inputs[block] = args[0] if args else kwargs["hidden_states"]

    return keep


def _add(
    rows: int,
    deltas: ModuleDeltas,
    block_inputs: dict[nn.Module, Tensor],
    read_RT: Tensor | None,
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.dim() != 3 or output.shape[0] != rows:
            raise RuntimeError(
                f"{module} gave {tuple(output.shape)}, not {rows} rows of tokens: its rows cannot "
                "be told apart"
            )
        for delta in deltas.constant:
            delta.add(inputs[0], output)
        for ruled in deltas.ruled:
            ruled.add(inputs[0], output, block_inputs[deltas.block], read_RT)

    return add
