"""Adapters with constant weights as one: ranks concatenated, weights in B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.common.errors import InputError
from analysis.inference.mixing.policies import ConstantWeights, Policy
from analysis.inference.mixing.sites import layer_of
from analysis.models.factors import Factor, RowScale


@dataclass(frozen=True)
class FusedModule:
    """The matrices of one module.

    Attributes:
        a_rI: A, `[rank, inputs]`.
        b_Or: B with the weights and PEFT's scalings in it, `[outputs, rank]`.
        magnitude_O: The magnitude of a DoRA, `[outputs]`; None of a LoRA.
    """

    a_rI: Tensor
    b_Or: Tensor
    magnitude_O: Tensor | None = None


def fixed_weights(name: str, policy: Policy, adapters: tuple[str, ...]) -> Tensor:
    """The weights of a method over all adapters, `[layers, adapters]` in float64.

    Args:
        name: The method's name, for errors.
        policy: Its policy.
        adapters: Names of the adapters.

    Raises:
        InputError: The weights change by token, so no fixed adapter gives the same answers.
    """
    if not isinstance(policy, ConstantWeights):
        raise InputError(
            f"Method {name!r} gives each token weights of its own, so no fixed adapter gives the "
            "same answers: take a method whose weights are the same at every token, such as "
            "qa-flora, static or sum."
        )
    return policy.over(adapters)


def fused(
    factors: Sequence[Mapping[str, Factor]], weights_LK: Tensor, modules: Mapping[str, nn.Module]
) -> dict[str, FusedModule]:
    """One adapter that changes the base by `Σ_k w_lk ΔW_k` in each layer l.

    Where a DoRA has a part, all modules get a magnitude, as PEFT's `use_dora` needs: with
    `c = 1 + Σ w s` the change is `c ⊙ (W + B' A') − W`, so `B' = B / c` and `m = c ‖W + B' A'‖`.

    Args:
        factors: A and B of each adapter by name of the module.
        weights_LK: The weights, `[layers, adapters]`.
        modules: The base's linears by name.

    Returns:
        The matrices by name of the module, on the CPU; without modules that no adapter changes.

    Raises:
        InputError: All weights are 0, or a DoRA's output would vanish.
    """
    layers = len(weights_LK)
    used: dict[str, list[tuple[float, Factor]]] = {}
    for index, own in enumerate(factors):
        for name, factor in own.items():
            weight = float(weights_LK[layer_of(name, layers), index])
            if weight != 0:
                used.setdefault(name, []).append((weight, factor))
    if not used:
        raise InputError("All weights are 0, so there is nothing to export: choose another method.")
    dora = any(factor.rows for parts in used.values() for _, factor in parts)
    return {
        name: _module(name, used[name], modules[name], dora)
        for name in modules  # in the base's order
        if name in used
    }


def _module(
    name: str, parts: Sequence[tuple[float, Factor]], linear: nn.Module, dora: bool
) -> FusedModule:
    a_rI = torch.cat([factor.a_rI.detach().cpu() for _, factor in parts])
    b_Or = torch.cat([weight * factor.b_Or.detach().cpu() for weight, factor in parts], dim=1)
    if not dora:
        return FusedModule(a_rI, b_Or)
    factor_O = torch.ones(len(b_Or), dtype=torch.float64)
    for weight, factor in parts:
        if factor.rows is not None:
            factor_O += weight * factor.rows.scale_O.double().cpu()
    if not bool(factor_O.all()):
        raise InputError(
            f"With these weights an output of {name} is 0 for every input, which no DoRA can "
            "say: change the weights a little."
        )
    b_Or = (b_Or.double() / factor_O.unsqueeze(1)).to(b_Or.dtype)
    weight_OI = RowScale.of(linear).weight_OI().double()
    norm_O = (weight_OI + b_Or.double() @ a_rI.double()).norm(dim=1)
    return FusedModule(a_rI, b_Or, (factor_O * norm_O).to(b_Or.dtype))
