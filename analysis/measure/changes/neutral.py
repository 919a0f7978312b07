"""The usual size of each adapter's changes, over queries that belong to no domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.measure.baseline import Baseline
from analysis.measure.changes.changes import Changes, at_position


@dataclass(frozen=True)
class NeutralChanges:
    """The size of each adapter's changes `ΔW x` over the bundled neutral queries.

    x is the base's input of a module. The tokens are all tokens of the prompts but the first, whose
    states are unlike those of any other token.

    Attributes:
        adapters: Names of the adapters.
        mean: Mean of `‖ΔW x‖` over the tokens, `[adapters]` in float64 by name of the module; 0 for
            an adapter that does not change the module.
        deviation: Standard deviation over the tokens, the same.
        absolute_QPLK: `Changes.absolute_PLK` of each query, `[queries, positions, layers,
            adapters]` in float64.
        relative_QPLK: `Changes.relative_PLK` of each query, same shape.
        tokens: Number of tokens.
    """

    adapters: tuple[str, ...]
    mean: Mapping[str, Tensor] = field(repr=False)
    deviation: Mapping[str, Tensor] = field(repr=False)
    absolute_QPLK: Tensor = field(repr=False)
    relative_QPLK: Tensor = field(repr=False)
    tokens: int

    @property
    def queries(self) -> int:
        """Number of queries."""
        return len(self.absolute_QPLK)

    def absolute(self, position: str) -> Baseline:
        """Mean and deviation over the queries of `Changes.absolute` at a position."""
        return _baseline(self.absolute_QPLK, position)

    def relative(self, position: str) -> Baseline:
        """Mean and deviation over the queries of `Changes.relative` at a position."""
        return _baseline(self.relative_QPLK, position)

    def of(self, adapters: tuple[str, ...]) -> NeutralChanges:
        """The part of some adapters."""
        chosen = [self.adapters.index(name) for name in adapters]
        return NeutralChanges(
            adapters,
            {module: mean_K[chosen] for module, mean_K in self.mean.items()},
            {module: deviation_K[chosen] for module, deviation_K in self.deviation.items()},
            self.absolute_QPLK[..., chosen],
            self.relative_QPLK[..., chosen],
            self.tokens,
        )


def neutral_changes(
    adapters: tuple[str, ...],
    norms: Mapping[str, Sequence[Tensor]],
    changes: Sequence[Changes],
) -> NeutralChanges:
    """The usual changes.

    Args:
        adapters: Names of the adapters.
        norms: For each module and query `‖ΔW x‖` at its tokens, `[tokens, adapters]`.
        changes: The changes of each query; at least two.
    """
    by_module = {module: torch.cat(tuple(found)).double() for module, found in norms.items()}
    return NeutralChanges(
        adapters,
        {module: norms_NK.mean(dim=0) for module, norms_NK in by_module.items()},
        {module: norms_NK.std(dim=0) for module, norms_NK in by_module.items()},
        torch.stack([one.absolute_PLK for one in changes]),
        torch.stack([one.relative_PLK for one in changes]),
        max((len(norms_NK) for norms_NK in by_module.values()), default=0),
    )


def _baseline(values_QPLK: Tensor, position: str) -> Baseline:
    values_QLK = at_position(values_QPLK.transpose(0, 1), position)
    return Baseline(values_QLK.mean(dim=0), values_QLK.std(dim=0), len(values_QLK))
