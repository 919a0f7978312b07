"""The weights that a policy gave in a run: their mean and their spread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import torch
from torch import Tensor

from analysis.inference.mixing.policies import ConstantWeights, Policy


@dataclass(frozen=True)
class PolicyWeights:
    """The weights that a row had in a run.

    Attributes:
        adapters: Names of the adapters.
        mean_LK: Mean weight over tokens and modules, `[layers, adapters]` in float64; 0 in a layer
            where no adapter covers a module.
        deviation_LK: Standard deviation over tokens and modules, same shape; 0 for constants.
        constant: Whether the weights are the same at every token and module.
    """

    adapters: tuple[str, ...]
    mean_LK: Tensor = field(repr=False)
    deviation_LK: Tensor = field(repr=False)
    constant: bool

    @classmethod
    def of(cls, policy: ConstantWeights) -> PolicyWeights:
        """The weights of a policy that never change."""
        mean_LK = policy.weights_LK.double()
        return cls(policy.adapters, mean_LK, torch.zeros_like(mean_LK), constant=True)


class WeightRecorder:
    """Adds up the weights that a rule gives one row, pass by pass.

    Args:
        adapters: Names of the rule's adapters.
        layers: Number of layers.
    """

    def __init__(self, adapters: tuple[str, ...], layers: int) -> None:
        self._adapters = adapters
        self._count_LK = torch.zeros(layers, len(adapters), dtype=torch.float64)
        self._sum_LK = torch.zeros_like(self._count_LK)
        self._squares_LK = torch.zeros_like(self._count_LK)
        # The page reads the result while a thread decodes.
        self._lock = threading.Lock()

    def add(self, layer: int, covering: list[int], weights_TK: Tensor) -> None:
        """Takes the weights at one module.

        Args:
            layer: The module's layer.
            covering: Places of the adapters that cover the module.
            weights_TK: Their weights at each token, `[tokens, covering]`.
        """
        weights_TK = weights_TK.detach().double().cpu()
        with self._lock:
            self._count_LK[layer, covering] += len(weights_TK)
            self._sum_LK[layer, covering] += weights_TK.sum(dim=0)
            self._squares_LK[layer, covering] += weights_TK.square().sum(dim=0)

    def sums(self) -> tuple[Tensor, ...]:
        """All that was taken so far, for `restore`."""
        with self._lock:
            return self._count_LK.clone(), self._sum_LK.clone(), self._squares_LK.clone()

    def restore(self, sums: tuple[Tensor, ...]) -> None:
        """Goes back to what was taken by the time of `sums`, after a pass that failed."""
        with self._lock:
            self._count_LK, self._sum_LK, self._squares_LK = sums

    def result(self) -> PolicyWeights:
        """Mean and spread of the weights taken so far."""
        with self._lock:
            count_LK = self._count_LK.clamp_min(1)
            mean_LK = self._sum_LK / count_LK
            variance_LK = (self._squares_LK / count_LK - mean_LK.square()).clamp_min(0)
        return PolicyWeights(self._adapters, mean_LK, variance_LK.sqrt(), constant=False)


def recorder_of(policy: Policy, layers: int) -> WeightRecorder | None:
    """A recorder for a rule; None for constants, which need none."""
    if isinstance(policy, ConstantWeights):
        return None
    return WeightRecorder(policy.adapters, layers)
