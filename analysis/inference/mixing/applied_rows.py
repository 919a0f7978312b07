"""Rows on a model: hooks that stay for one forward pass and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from analysis.inference.mixing.deltas import Delta, RuledAdapters
from analysis.inference.mixing.policy_weights import PassRecorder


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
        first_block: The first block with a module that an adapter covers; None without any.
        recorders: They take the weights that rules give, and are told of the end of each pass.
    """

    def __init__(
        self,
        rows: int,
        deltas: Sequence[ModuleDeltas],
        first_block: nn.Module | None = None,
        recorders: Sequence[PassRecorder] = (),
    ) -> None:
        self._rows = rows
        self._deltas = deltas
        self._first_block = first_block
        self._recorders = recorders

    @contextmanager
    def on(self) -> Iterator[None]:
        """Within this context the model computes these rows; after it, it is the base again."""
        handles = []
        block_inputs: dict[nn.Module, Tensor] = {}
        shape = _PassShape(self._rows)
        try:
            if self._deltas and self._first_block is not None:
                handles.append(
                    self._first_block.register_forward_pre_hook(shape.see, with_kwargs=True)
                )
            for block in {one.block for one in self._deltas if one.ruled}:
                keep = _keep_input(block_inputs)
                handles.append(block.register_forward_pre_hook(keep, with_kwargs=True))
            for one in self._deltas:
                add = _add(shape, one, block_inputs)
                handles.append(one.module.register_forward_hook(add))
            yield
            for recorder in self._recorders:
                recorder.finish()
        finally:
            for recorder in self._recorders:
                recorder.clear()
            for handle in handles:
                handle.remove()


def _keep_input(
    block_inputs: dict[nn.Module, Tensor],
) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
    def keep(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        block_inputs[block] = args[0] if args else kwargs["hidden_states"]

    return keep


class _PassShape:
    """Rows and tokens of the pass that runs."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._tokens: int | None = None

    def see(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Takes the number of tokens from the input of a block."""
        self._tokens = (args[0] if args else kwargs["hidden_states"]).shape[1]

    def by_rows(self, states: Tensor, module: nn.Module) -> Tensor:
        """States as `[rows, tokens, width]`, a view; experts see all tokens as one list."""
        if states.dim() == 3 and states.shape[0] == self._rows:
            return states
        if states.dim() == 2 and states.shape[0] == self._rows * (self._tokens or 0):
            return states.reshape(self._rows, -1, states.shape[-1])
        raise RuntimeError(
            f"{module} gave {tuple(states.shape)}, not {self._rows} rows of tokens: its rows "
            "cannot be told apart"
        )


def _add(
    shape: _PassShape,
    deltas: ModuleDeltas,
    block_inputs: dict[nn.Module, Tensor],
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x_RTI, out_RTO = shape.by_rows(inputs[0], module), shape.by_rows(output, module)
        for delta in deltas.constant:
            delta.add(x_RTI, out_RTO)
        for ruled in deltas.ruled:
            ruled.add(x_RTI, out_RTO, block_inputs[deltas.block])

    return add
