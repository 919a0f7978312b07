"""Sites: the linear modules that adapters cover, with the adapters' matrices stacked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.common.errors import InputError
from analysis.models.adapters import Adapter, Factor

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


@dataclass(frozen=True)
class Site:
    """One linear module of the base, with the matrices of the adapters that cover it.

    Attributes:
        module: The linear.
        name: Name of the linear.
        block: Block of the linear.
        layer: Layer of the linear.
        covering: Index of each adapter that has a factor here, ascending.
        a_KrI: Their A, lower ranks padded with zeros: `[covering, rank, inputs]`. So one adapter's
            and a stack of all are both a matrix without a copy.
        b_KrO: Their scaled B, transposed: `[covering, rank, outputs]`.
    """

    module: nn.Module
    name: str
    block: nn.Module
    layer: int
    covering: tuple[int, ...]
    a_KrI: Tensor
    b_KrO: Tensor


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


def _block_of(name: str) -> str:
    """Name of the block that holds a module."""
    match = _LAYER.search(name)
    assert match is not None
    return name[: match.end() - 1]


def site_of(
    name: str, modules: Mapping[str, nn.Module], layers: int, adapters: Sequence[Adapter]
) -> Site:
    """The site of one linear module.

    Args:
        name: Name of the module.
        modules: All modules of the base model by name.
        layers: Number of the model's layers.
        adapters: All adapters.

    Raises:
        InputError: The module belongs to no layer.
    """
    module, layer = modules[name], layer_of(name, layers)
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
    return Site(module, name, modules[_block_of(name)], layer, covering, a_KrI, b_KrO)


def _padded(matrix_rN: Tensor, rank: int) -> Tensor:
    return nn.functional.pad(matrix_rN, (0, 0, 0, rank - matrix_rN.shape[0]))


def first_layer(adapter: Adapter, layers: int) -> int:
    """The first layer that an adapter changes; the number of layers where it changes none."""

    def acts(factor: Factor) -> bool:
        return bool(factor.a_rI.any()) and bool(factor.b_Or.any())

    return min(
        (layer_of(name, layers) for name, factor in adapter.factors.items() if acts(factor)),
        default=layers,
    )
