"""Sites: the linear modules that adapters cover, with the adapters' matrices stacked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.common.errors import InputError
from analysis.models.adapters import Adapter
from analysis.models.bases.devices import device_of
from analysis.models.bases.layer_names import layer_number, layer_place

_EXPERTS = re.compile(r"(.+\.experts)\.\d+\.")


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
        scales_KO: Their scales of the module's own output without its bias, `[covering, outputs]`,
            0 of a LoRA; None where no DoRA is among them.
    """

    module: nn.Module
    name: str
    block: nn.Module
    layer: int
    covering: tuple[int, ...]
    a_KrI: Tensor
    b_KrO: Tensor
    scales_KO: Tensor | None = None


def layer_of(name: str, layers: int) -> int:
    """The layer that a module's name places it in.

    Raises:
        InputError: The name has no layer, so no weight per layer can apply to the module.
    """
    layer = layer_number(name)
    if layer is None or layer >= layers:
        raise InputError(
            f"Module {name!r} belongs to none of the {layers} layers: an adapter on it cannot be "
            "weighted layer by layer. Retrain the adapter on the linears of the blocks."
        )
    return layer


def _block_of(name: str) -> str:
    """Name of the block that holds a module."""
    place = layer_place(name)
    assert place is not None
    return f"{place[0]}.{place[1]}"


def site_of(
    name: str,
    modules: Mapping[str, nn.Module],
    layers: int,
    adapters: Sequence[Adapter],
    dtype: torch.dtype,
) -> Site:
    """The site of one linear module.

    Args:
        name: Name of the module.
        modules: All modules of the base model by name.
        layers: Number of the model's layers.
        adapters: All adapters.
        dtype: Precision of the model, which a quantised module computes in.

    Raises:
        InputError: The module belongs to no layer.
    """
    module, layer = modules[name], layer_of(name, layers)
    experts = _EXPERTS.match(name)
    if experts is not None and isinstance(modules.get(experts.group(1)), nn.ModuleList):
        raise InputError(
            f"Module {name!r} is an expert that sees only the tokens that are sent to it, so that "
            "rows cannot be told apart: leave adapters on experts out."
        )
    covering = tuple(index for index, adapter in enumerate(adapters) if name in adapter.factors)
    factors = [adapters[index].factors[name] for index in covering]
    weight = module.weight
    assert isinstance(weight, Tensor)
    if weight.is_floating_point():  # a quantised base keeps its weights packed
        dtype = weight.dtype
    rank = max(factor.a_rI.shape[0] for factor in factors)
    a_KrI = torch.stack([_padded(factor.a_rI, rank) for factor in factors])
    b_KrO = torch.stack([_padded(factor.b_Or.T, rank) for factor in factors])
    device = device_of(module)
    a_KrI, b_KrO = a_KrI.to(device, dtype), b_KrO.to(device, dtype)
    scales_KO = None
    if any(factor.rows for factor in factors):
        plain_O = torch.zeros(b_KrO.shape[2])
        scales = [factor.rows.scale_O if factor.rows else plain_O for factor in factors]
        scales_KO = torch.stack([scale_O.to(b_KrO) for scale_O in scales])
    return Site(module, name, modules[_block_of(name)], layer, covering, a_KrI, b_KrO, scales_KO)


def _padded(matrix_rN: Tensor, rank: int) -> Tensor:
    return nn.functional.pad(matrix_rN, (0, 0, 0, rank - matrix_rN.shape[0]))


def first_layer(adapter: Adapter, layers: int) -> int:
    """The first layer that an adapter changes; the number of layers where it changes none."""
    return min(
        (layer_of(name, layers) for name, factor in adapter.factors.items() if factor.moves()),
        default=layers,
    )
