"""Rows: the items of a batch, each with a policy of its own."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.common.errors import InputError
from analysis.inference.mixing.policies import ConstantWeights, Policy


@dataclass(frozen=True)
class Row:
    """One item of a batch.

    Attributes:
        name: The row's name in results.
        policy: How the row weighs the adapters.
    """

    name: str
    policy: Policy

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the row weighs."""
        return self.policy.adapters

    def check(self, adapters: tuple[str, ...], layers: int) -> None:
        """Refuses a row that a model cannot run.

        Args:
            adapters: Names of the adapters that are loaded.
            layers: Number of the model's layers.

        Raises:
            InputError: The row weighs an unknown adapter, or has another number of layers.
        """
        for name in self.adapters:
            if name not in adapters:
                raise InputError(
                    f"Row {self.name} weighs the adapter {name!r}, which is not loaded: take some "
                    f"of {', '.join(adapters)}."
                )
        if isinstance(self.policy, ConstantWeights):
            given = self.policy.weights_LK.shape[0]
            if given != layers:
                raise InputError(
                    f"Row {self.name} has weights for {given} layers, and the base has {layers}."
                )
