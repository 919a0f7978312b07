"""Per-row, per-layer weighted LoRA inside the base model.

A batch has rows, and each row carries its own weights over the adapters, layer by layer. The model
holds nothing of a request: the rows' hooks are put on for one forward pass and taken off after it,
whatever happened in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.products import product
from analysis.inference.row_groups import RowGroup, Rows, row_groups
from analysis.models.adapters import Adapter, Factor

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


@dataclass(frozen=True)
class _Site:
    """One linear of the base and what the adapters that cover it add.

    Attributes:
        module: The linear.
        layer: Its layer.
        covering: Index of each adapter that has a factor here, ascending.
        a_KrI: Their A, lower ranks padded with zeros: `[covering, rank, inputs]`. So one adapter's
            and a stack of all are both a matrix without a copy.
        b_KrO: Their scaled B, transposed: `[covering, rank, outputs]`.
    """

    module: nn.Module
    layer: int
    covering: tuple[int, ...]
    a_KrI: Tensor
    b_KrO: Tensor


@dataclass(frozen=True)
class _SingleAdapter:
    """What one linear adds to rows with an adapter of their own, ready to be computed.

    Attributes:
        rows: As in the group.
        a_nrI: Each row's A.
        b_nrO: Each row's B.
        weights_n11: Between A and B; None where all are 1.
    """

    rows: Rows | None
    a_nrI: Tensor
    b_nrO: Tensor
    weights_n11: Tensor | None

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        h_nTr = _part(x_RTI, self.rows) @ self.a_nrI.mT
        if self.weights_n11 is not None:
            h_nTr *= self.weights_n11
        if isinstance(self.rows, Tensor):
            out_RTO[self.rows] += h_nTr @ self.b_nrO
        else:
            _part(out_RTO, self.rows).baddbmm_(h_nTr, self.b_nrO)


@dataclass(frozen=True)
class _MixedAdapters:
    """What one linear adds to rows that mix several adapters, ready to be computed.

    Attributes:
        rows: As in the group.
        a_SI: The adapters' A, stacked: `[adapters · rank, inputs]`.
        b_SO: Their B.
        weights_n1S: Between A and B, each adapter's weight for each of its ranks.
        transposed: The order of the product with A; see `product`.
    """

    rows: Rows | None
    a_SI: Tensor
    b_SO: Tensor
    weights_n1S: Tensor
    transposed: bool

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        x_nTI = _part(x_RTI, self.rows)
        h_NS = product(x_nTI.flatten(0, 1), self.a_SI, self.transposed)
        h_NS.view(*x_nTI.shape[:2], -1).mul_(self.weights_n1S)
        if isinstance(self.rows, Tensor):
            out_RTO[self.rows] += (h_NS @ self.b_SO).view(*x_nTI.shape[:2], -1)
        else:
            part_nTO = _part(out_RTO, self.rows)
            part_nTO.view(-1, part_nTO.shape[-1]).addmm_(h_NS, self.b_SO)


class Mixture:
    """The adapters of one model, ready to be mixed.

    Args:
        model: The base model; it is not changed.
        adapters: The adapters; their order is the order of all weights.
        transposed: The order of products with few tokens; see `product`.
    """

    def __init__(
        self, model: PreTrainedModel, adapters: Sequence[Adapter], transposed: bool = False
    ) -> None:
        self._transposed = transposed
        self.adapters = tuple(adapter.name for adapter in adapters)
        self.layers = int(model.config.get_text_config().num_hidden_layers)
        modules = dict(model.named_modules())
        names = sorted({name for adapter in adapters for name in adapter.factors})
        self._sites = [
            _site(modules[name], layer_of(name, self.layers), name, adapters) for name in names
        ]
        # Below its first layer an adapter has moved nothing; an adapter that is zero never does.
        self.first_layer_K = tuple(_first_layer(adapter, self.layers) for adapter in adapters)

    def rows(self, weights_RLK: Tensor) -> AppliedRows:
        """Prepares rows with these weights, `[rows, layers, adapters]`."""
        expected = (self.layers, len(self.adapters))
        if weights_RLK.dim() != 3 or tuple(weights_RLK.shape[1:]) != expected:
            raise ValueError(
                f"weights of shape {tuple(weights_RLK.shape)} are not [rows, layers, adapters] "
                f"with {expected[0]} layers and {expected[1]} adapters"
            )
        groups: dict[tuple[int, tuple[int, ...]], list[RowGroup]] = {}
        deltas = []
        for site in self._sites:
            key = (site.layer, site.covering)
            if key not in groups:
                groups[key] = row_groups(weights_RLK[:, site.layer, list(site.covering)])
            if groups[key]:
                deltas.append((site.module, [self._delta(site, group) for group in groups[key]]))
        return AppliedRows(weights_RLK.shape[0], deltas)

    def _delta(self, site: _Site, group: RowGroup) -> _SingleAdapter | _MixedAdapters:
        rows = None if group.rows is None else _on(group.rows, site)
        adapters, weights = _on(group.adapters, site), group.weights
        a_nrI, b_nrO = site.a_KrI[adapters], site.b_KrO[adapters]
        if not group.mixed:
            return _SingleAdapter(
                rows, a_nrI, b_nrO, None if weights is None else weights.to(a_nrI)
            )
        assert weights is not None
        weights_n1S = weights.repeat_interleave(a_nrI.shape[1], dim=2).to(a_nrI)
        return _MixedAdapters(
            rows, a_nrI.flatten(0, 1), b_nrO.flatten(0, 1), weights_n1S, self._transposed
        )


class AppliedRows:
    """Rows that can be put on the model for one forward pass."""

    def __init__(
        self, rows: int, deltas: list[tuple[nn.Module, list[_SingleAdapter | _MixedAdapters]]]
    ) -> None:
        self._rows = rows
        self._deltas = deltas

    @contextmanager
    def on(self) -> Iterator[None]:
        """Within this context the model computes these rows; after it, it is the base again."""
        handles = []
        try:
            for module, deltas in self._deltas:
                handles.append(module.register_forward_hook(_hook(self._rows, deltas)))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _hook(
    rows: int, deltas: list[_SingleAdapter | _MixedAdapters]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.dim() != 3 or output.shape[0] != rows:
            raise RuntimeError(
                f"{module} gave {tuple(output.shape)}, not {rows} rows of tokens: its rows cannot "
                "be told apart"
            )
        for delta in deltas:
            delta.add(inputs[0], output)

    return add


def layer_of(name: str, layers: int) -> int:
    """The layer that a module's name places it in.

    Raises:
        InputError: The name has no layer, so no weight per layer can apply to the module.
    """
    match = _LAYER.search(name)
    if match is None or int(match.group(1)) >= layers:
        raise InputError(
            f"Module {name!r} belongs to none of the {layers} layers: an adapter on it cannot be "
            "weighted layer by layer. Retrain the adapter on the linears of the blocks."
        )
    return int(match.group(1))


def _site(module: nn.Module, layer: int, name: str, adapters: Sequence[Adapter]) -> _Site:
    covering = tuple(index for index, adapter in enumerate(adapters) if name in adapter.factors)
    factors = [adapters[index].factors[name] for index in covering]
    weight = module.weight
    assert isinstance(weight, Tensor)
    # A quantised base keeps its weights packed; its adapters stay in their own precision.
    dtype = weight.dtype if weight.is_floating_point() else factors[0].a_rI.dtype
    rank = max(factor.a_rI.shape[0] for factor in factors)
    a_KrI = torch.stack([_padded(factor.a_rI, rank) for factor in factors])
    b_KrO = torch.stack([_padded(factor.b_Or.T, rank) for factor in factors])
    a_KrI, b_KrO = a_KrI.to(weight.device, dtype), b_KrO.to(weight.device, dtype)
    return _Site(module, layer, covering, a_KrI, b_KrO)


def _padded(matrix_rN: Tensor, rank: int) -> Tensor:
    return nn.functional.pad(matrix_rN, (0, 0, 0, rank - matrix_rN.shape[0]))


def _first_layer(adapter: Adapter, layers: int) -> int:
    def acts(factor: Factor) -> bool:
        return bool(factor.a_rI.any()) and bool(factor.b_Or.any())

    return min(
        (layer_of(name, layers) for name, factor in adapter.factors.items() if acts(factor)),
        default=layers,
    )


def _part(all_RTN: Tensor, rows: Rows | None) -> Tensor:
    return all_RTN if rows is None else all_RTN[rows]


def _on(index: Rows, site: _Site) -> Rows:
    return index if isinstance(index, slice) else index.to(site.a_KrI.device)
