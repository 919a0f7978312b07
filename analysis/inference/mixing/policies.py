"""Policies: how a row of a batch weighs the adapters.

A policy is constant weights, or a rule that the forward pass evaluates for every token and module.
The mixture asks a policy and knows no method by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from analysis.common.errors import InputError

if TYPE_CHECKING:
    # The page lists methods, which name policies, before torch is imported.
    from torch import Tensor


@dataclass(frozen=True)
class ConstantWeights:
    """The same weights at every token.

    Attributes:
        adapters: Names of the adapters that the weights belong to.
        weights_LK: `[layers, adapters]`, finite.

    Raises:
        InputError: The weights have another shape, or are not finite.
    """

    adapters: tuple[str, ...]
    weights_LK: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        if self.weights_LK.dim() != 2 or self.weights_LK.shape[1] != len(self.adapters):
            raise InputError(
                f"Weights of shape {tuple(self.weights_LK.shape)} are not "
                f"[layers, {len(self.adapters)} adapters]."
            )
        if not bool(self.weights_LK.isfinite().all()):
            raise InputError("A weight is NaN or infinite: give finite numbers.")

    def over(self, adapters: tuple[str, ...]) -> Tensor:
        """The weights over another list of adapters, `[layers, adapters]` in float64.

        Adapters that this policy does not name get 0.
        """
        weights_LK = self.weights_LK.double().new_zeros(self.weights_LK.shape[0], len(adapters))
        for index, name in enumerate(self.adapters):
            weights_LK[:, adapters.index(name)] = self.weights_LK[:, index].double()
        return weights_LK


@dataclass(frozen=True)
class ModuleInput:
    """The place in a forward pass for which a rule gives weights.

    Attributes:
        module: Name of the linear module in the base model.
        layer: The layer of the module.
        input_RTI: Input of the module, `[rows, tokens, inputs]`.
        block_input_RTD: Input of the module's block, before its norm, `[rows, tokens, width]`.
        own_RTO: Output of the module in the base, without bias, `[rows, tokens, outputs]`; None
            where no DoRA is on the module.
    """

    module: str
    layer: int
    input_RTI: Tensor
    block_input_RTD: Tensor
    own_RTO: Tensor | None = None


class WeightRule(ABC):
    """Weights that depend on the states of a forward pass.

    Rows with the same rule object are computed together, so a rule must treat each row by itself
    and keep no state.
    """

    @property
    @abstractmethod
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""

    @abstractmethod
    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module.

        Args:
            at: The place and its states.

        Returns:
            `[rows, tokens, adapters]` in the order of `adapters`. Weights of adapters that do not
            cover the module have no effect.
        """


Policy: TypeAlias = ConstantWeights | WeightRule
