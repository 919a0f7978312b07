"""Which rows of a batch are computed together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Rows = slice | Tensor
"""Indices, ascending where they are rows of the batch; a slice is a view and no copy."""


@dataclass(frozen=True)
class RowGroup:
    """Rows whose adapters are computed together, in all linears of a layer with the same adapters.

    Attributes:
        rows: The rows of the batch, ascending; None for all of them, which are then used as they
            are: views cost as much as the small products of a decoding step.
        adapters: Each row's adapter, or those that the rows mix.
        mixed: Whether the rows mix them.
        weights: `[rows, 1, 1]`, or `[rows, 1, adapters]` where they mix; None where all are 1.
    """

    rows: Rows | None
    adapters: Rows
    mixed: bool
    weights: Tensor | None


def row_groups(weights_RK: Tensor, *, one_token: bool = False) -> list[RowGroup]:
    """How the rows of a layer are computed.

    A row with one adapter pays for that one; rows that mix share one stacked product; a row
    without any is in none.

    Args:
        weights_RK: The rows' weights of the adapters that cover the same linears.
        one_token: Whether a pass runs one token of each row. Its cost is then the reading of the
            adapters' matrices: where more rows have one adapter than there are adapters in use,
            all rows mix those in use, most of them by 0.
    """
    weights_RK = weights_RK.double().cpu()
    used_R = (weights_RK != 0).sum(dim=1)
    in_use = (weights_RK != 0).any(dim=0).nonzero().flatten()
    if one_token and int((used_R == 1).sum()) > len(in_use):
        return [RowGroup(None, _index(in_use), True, weights_RK[:, in_use].unsqueeze(1))]
    found = []
    if (single := (used_R == 1).nonzero().flatten()).numel():
        chosen = (weights_RK[single] != 0).to(torch.int8).argmax(dim=1)
        weights_n11 = weights_RK[single, chosen].view(-1, 1, 1)
        ones = bool((weights_n11 == 1).all())
        found.append(
            RowGroup(_rows(single, used_R), _index(chosen), False, None if ones else weights_n11)
        )
    if (mixed := (used_R > 1).nonzero().flatten()).numel():
        active = (weights_RK[mixed] != 0).any(dim=0).nonzero().flatten()
        weights_n1K = weights_RK[mixed][:, active].unsqueeze(1)
        found.append(RowGroup(_rows(mixed, used_R), _index(active), True, weights_n1K))
    return found


def _rows(some: Tensor, all_R: Tensor) -> Rows | None:
    return None if len(some) == len(all_R) else _index(some)


def _index(ascending: Tensor) -> Rows:
    """A slice where the indices are consecutive, so that indexing is a view and not a copy."""
    first, last = int(ascending[0]), int(ascending[-1])
    steps = torch.arange(first, first + len(ascending))
    return slice(first, last + 1) if torch.equal(ascending, steps) else ascending
