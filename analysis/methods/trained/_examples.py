"""What the trained methods have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ONE_FIT = (
    "The paper fits each composite task by itself. Here one fit serves all questions, because a "
    "question does not say which task it belongs to; and where fewer adapters are fused than were "
    "fitted together, the weights of the others are left out and no weight is fitted anew."
)
NEEDS = "Questions with right answers: `fit-method {name} --tasks FILE …`."

LEAST = 1e-20
"""Added to a mean square before its root is taken: the root of 0 has no gradient, and the states of
padding may be 0."""


def at_unit_size(states: Tensor) -> Tensor:
    """States whose numbers have the root mean square 1; a state of zeros stays as it is.

    Args:
        states: `[…, width]`.
    """
    return states / (states.square().mean(dim=-1, keepdim=True) + LEAST).sqrt()
