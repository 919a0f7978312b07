"""One weight for each layer and adapter, as a rule whose weights can learn."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from analysis.inference.mixing.policies import ModuleInput, WeightRule


@dataclass(frozen=True, eq=False)
class LayerWeights(WeightRule):
    """The same weights at every token, as `ConstantWeights`, with gradients.

    Attributes:
        names: Names of the adapters.
        weights_LK: `[layers, adapters]`.
    """

    names: tuple[str, ...]
    weights_LK: Tensor = field(repr=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        weights_K = self.weights_LK[at.layer].to(at.input_RTI.device)
        return weights_K.expand(*at.input_RTI.shape[:2], -1)
