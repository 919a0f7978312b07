"""The weights that a policy gave in a run: their mean and their spread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
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

    def add(self, count_LK: Tensor, sum_LK: Tensor, squares_LK: Tensor) -> None:
        """Takes the weights of one pass, `[layers, adapters]` in float64 each.

        Args:
            count_LK: How many there are, over tokens and modules.
            sum_LK: Their sum.
            squares_LK: The sum of their squares.
        """
        with self._lock:
            self._count_LK += count_LK
            self._sum_LK += sum_LK
            self._squares_LK += squares_LK

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


class PassRecorder:
    """Adds up the weights that a rule gives its rows in one pass, all rows at a time.

    Args:
        recorders: For each row the recorder that gets the sums, or None.
        layers: Number of layers.
        adapters: Number of the rule's adapters.
    """

    def __init__(
        self, recorders: Sequence[WeightRecorder | None], layers: int, adapters: int
    ) -> None:
        self._recorders = [one for one in recorders if one is not None]
        self._rows = [row for row, one in enumerate(recorders) if one is not None]
        self._shape = layers, adapters
        # By layer and covering adapters: the number of weights, their sums and those of squares.
        self._sums: dict[tuple[int, tuple[int, ...]], tuple[int, Tensor, Tensor]] = {}

    def add(self, layer: int, covering: Sequence[int], weights_nTK: Tensor) -> None:
        """Takes the weights at one module.

        Args:
            layer: The module's layer.
            covering: Places of the adapters that cover the module.
            weights_nTK: Their weights at each token of each row, `[rows, tokens, covering]`.
        """
        if not self._rows:
            return
        weights_nTK = weights_nTK.detach().double()
        if len(self._rows) < len(weights_nTK):
            weights_nTK = weights_nTK[self._rows]
        key = layer, tuple(covering)
        count, sum_nK, squares_nK = self._sums.get(key, (0, 0, 0))
        self._sums[key] = (
            count + weights_nTK.shape[1],
            sum_nK + weights_nTK.sum(dim=1),
            squares_nK + weights_nTK.square().sum(dim=1),
        )

    def clear(self) -> None:
        """Drops what a pass that failed has left."""
        self._sums = {}

    def finish(self) -> None:
        """Gives the sums to the rows' recorders, at the end of a pass."""
        sums, self._sums = self._sums, {}
        if not sums:
            return
        count_LK = torch.zeros(self._shape, dtype=torch.float64)
        sum_nLK = torch.zeros(len(self._rows), *self._shape, dtype=torch.float64)
        squares_nLK = torch.zeros_like(sum_nLK)
        for (layer, covering), (count, sum_nK, squares_nK) in sums.items():
            places = list(covering)
            count_LK[layer, places] += count
            sum_nLK[:, layer, places] += sum_nK.cpu()
            squares_nLK[:, layer, places] += squares_nK.cpu()
        for recorder, sum_LK, squares_LK in zip(self._recorders, sum_nLK, squares_nLK, strict=True):
            recorder.add(count_LK, sum_LK, squares_LK)


def recorder_of(policy: Policy, layers: int) -> WeightRecorder | None:
    """A recorder for a rule; None for constants, which need none."""
    if isinstance(policy, ConstantWeights):
        return None
    return WeightRecorder(policy.adapters, layers)
