"""The hidden states that one forward pass gives: a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.common.errors import InputError

if TYPE_CHECKING:
    # The page lists the positions before torch is loaded.
    from torch import Tensor

    from analysis.inference.prompt import Prompt

KEPT = ("query", "prompt")
"""The kept positions: the query's last token (the paper's) and the prompt's last token."""

BOTH = "both"
"""In place of a kept position: the mean of the divergences at the kept positions."""

POSITIONS = (*KEPT, BOTH)
"""The positions at which a trace gives divergences."""

MEAN = "mean"
"""In place of a position: the mean over all tokens of the query, which traces do not hold."""


@dataclass(frozen=True)
class Trace:
    """The hidden states of base and adapters after every layer, at the kept positions.

    Attributes:
        prompt: The prompt.
        adapters: Names of the adapters, in the order of the rows after the first.
        hidden_RLPD: Residual stream after each block and before the final norm,
            `[1 + adapters, layers, positions, width]`; row 0 is the base, the positions are
            `KEPT`. On the CPU, in the model's own precision.
        seconds: The duration of the forward pass.
        module_inputs: Input of each adapted module in the base's row, `[positions, inputs]` by name
            of the module. On the CPU, in the model's own precision.
    """

    prompt: Prompt
    adapters: tuple[str, ...]
    hidden_RLPD: Tensor = field(repr=False)
    seconds: float
    module_inputs: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        rows, _, positions, _ = self.hidden_RLPD.shape
        if rows != 1 + len(self.adapters) or positions != len(KEPT):
            raise ValueError(
                f"hidden states of shape {tuple(self.hidden_RLPD.shape)} do not hold "
                f"1 + {len(self.adapters)} rows and {len(KEPT)} positions"
            )

    def check_finite(self) -> None:
        """Refuses states from which no divergence follows.

        Raises:
            InputError: A state is NaN or infinite; with the adapter and the remedy.
        """
        wrong_RL = ~self.hidden_RLPD.isfinite().flatten(2).all(dim=2)
        if not bool(wrong_RL.any()):
            return
        row, layer = wrong_RL.nonzero()[0].tolist()
        if row == 0:
            raise InputError(
                f"The base computes NaN or infinity in layer {layer} for this query: ask another, "
                "or load the base in float32."
            )
        raise InputError(
            f"Adapter {self.adapters[row - 1]}: with it the base computes NaN or infinity in layer "
            f"{layer}, as its change is too large: correct its alpha, or leave it out."
        )

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.hidden_RLPD.shape[1]

    def among(self, adapters: tuple[str, ...]) -> Trace:
        """The trace of some of the adapters: rows do not depend on each other."""
        rows = [0, *(1 + self.adapters.index(name) for name in adapters)]
        return replace(self, adapters=adapters, hidden_RLPD=self.hidden_RLPD[rows])

    def module_inputs_at(self, position: str) -> Mapping[str, Tensor]:
        """Input of each adapted module in the base's row, at one kept position.

        Returns:
            `[inputs]` by name of the module.

        Raises:
            InputError: The position is not kept.
        """
        place = _place(position)
        return {name: inputs_PI[place] for name, inputs_PI in self.module_inputs.items()}

    def at(self, position: str) -> Tensor:
        """Hidden states at one kept position, `[1 + adapters, layers, width]`.

        Raises:
            InputError: The position is not kept.
        """
        return self.hidden_RLPD[:, :, _place(position)]


def check_position(position: str) -> None:
    """Refuses a position at which a trace gives no divergences.

    Raises:
        InputError: There is no such position.
    """
    if position not in POSITIONS:
        raise InputError(f"There is no position {position!r}: take one of {', '.join(POSITIONS)}.")


def _place(position: str) -> int:
    if position not in KEPT:
        raise InputError(f"No states are kept at {position!r}: take one of {', '.join(KEPT)}.")
    return KEPT.index(position)
