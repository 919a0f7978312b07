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

from analysis.adapters import Adapter, Factor
from analysis.errors import InputError
from analysis.row_groups import RowGroup, Rows, row_groups

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


@dataclass(frozen=True)
class _Site:
    """One linear of the base and what the adapters that cover it add.

    Attributes:
        module: The linear.
        layer: Its layer.
        covering: Index of each adapter that has a factor here, ascending.
        a_IKr: Their A, lower ranks padded with zeros: `[inputs, covering, rank]`, so that one
            adapter's and a stack of all are both a matrix without a copy.
        b_KrO: Their scaled B, transposed: `[covering, rank, outputs]`.
    """

    module: nn.Module
    layer: int
    covering: tuple[int, ...]
    a_IKr: Tensor
    b_KrO: Tensor


@dataclass(frozen=True)
class _Delta:
    """What one linear adds to some rows, ready to be computed.

    Attributes:
        rows: As in the group.
        a: `[n, inputs, rank]` where each row has an adapter of its own, `[inputs, ranks]` where
            the rows share a stack of adapters.
        b: `[n, rank, outputs]` or `[ranks, outputs]`.
        weights: Between A and B: `[n, 1, 1]` or `[n, 1, ranks]`; None where all are 1.
    """

    rows: Rows | None
    a: Tensor
    b: Tensor
    weights: Tensor | None

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        x_nTI = x_RTI if self.rows is None else x_RTI[self.rows]
        h_nTr = x_nTI @ self.a
        if self.weights is not None:
            h_nTr *= self.weights
        if self.rows is None or isinstance(self.rows, slice):
            part_nTO = out_RTO if self.rows is None else out_RTO[self.rows]
            if self.b.dim() == 3:
                part_nTO.baddbmm_(h_nTr, self.b)
            else:
                part_nTO.view(-1, part_nTO.shape[-1]).addmm_(h_nTr.flatten(0, 1), self.b)
        else:
            out_RTO[self.rows] += h_nTr @ self.b


class Mixture:
    """The adapters of one model, ready to be mixed.

    Args:
        model: The base model; it is not changed.
        adapters: The adapters; their order is the order of all weights.
    """

    def __init__(self, model: PreTrainedModel, adapters: Sequence[Adapter]) -> None:
        self.adapters = tuple(adapter.name for adapter in adapters)
        self.layers = int(model.config.get_text_config().num_hidden_layers)
        modules = dict(model.named_modules())
        names = sorted({name for adapter in adapters for name in adapter.factors})
        self._sites = [
            _site(modules[name], layer_of(name, self.layers), name, adapters) for name in names
        ]
        # Below its first layer an adapter has moved nothing; an adapter that is zero never does.
        self.first_layer_K = tuple(_first_layer(adapter, self.layers) for adapter in adapters)

    def rows(self, weights_RLK: Tensor) -> Applied:
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
                deltas.append((site.module, [_delta(site, group) for group in groups[key]]))
        return Applied(weights_RLK.shape[0], deltas)


class Applied:
    """Rows that can be put on the model for one forward pass."""

    def __init__(self, rows: int, deltas: list[tuple[nn.Module, list[_Delta]]]) -> None:
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
    rows: int, deltas: list[_Delta]
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
    a_IKr = a_KrI.permute(2, 0, 1).contiguous()
    b_KrO = torch.stack([_padded(factor.b_Or.T, rank) for factor in factors])
    a_IKr, b_KrO = a_IKr.to(weight.device, dtype), b_KrO.to(weight.device, dtype)
    return _Site(module, layer, covering, a_IKr, b_KrO)


def _padded(matrix_rN: Tensor, rank: int) -> Tensor:
    return nn.functional.pad(matrix_rN, (0, 0, 0, rank - matrix_rN.shape[0]))


def _first_layer(adapter: Adapter, layers: int) -> int:
    def acts(factor: Factor) -> bool:
        return bool(factor.a_rI.any()) and bool(factor.b_Or.any())

    return min(
        (layer_of(name, layers) for name, factor in adapter.factors.items() if acts(factor)),
        default=layers,
    )


def _delta(site: _Site, group: RowGroup) -> _Delta:
    adapters = _on(group.adapters, site)
    a, b, weights = site.a_IKr[:, adapters], site.b_KrO[adapters], group.weights
    if group.mixed:
        assert weights is not None
        weights = weights.repeat_interleave(a.shape[2], dim=2)
        a, b = a.flatten(1, 2), b.flatten(0, 1)
    else:
        a = a.transpose(0, 1)
    return _Delta(
        rows=None if group.rows is None else _on(group.rows, site),
        a=a,
        b=b,
        weights=None if weights is None else weights.to(site.a_IKr),
    )


def _on(index: Rows, site: _Site) -> Rows:
    return index if isinstance(index, slice) else index.to(site.a_IKr.device)
