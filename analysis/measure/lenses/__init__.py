"""The lenses: maps from hidden states to the states that the LM head reads, one file each.

A lens's file holds a `LENS`. To add a lens, add its file: discovery lists it on the page, on the
command line and in permalinks. The page lists the lenses before torch is loaded, so their files
import torch only when they run.

The distributions that lenses show of early layers are not calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.discovery import discover
from analysis.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.head import Head


@dataclass(frozen=True)
class Lens:
    """A map from the hidden states of a layer to the states that the LM head reads.

    Attributes:
        name: The name that commands and links use.
        label: The name that people read.
        summary: What the lens does to hidden states, in one sentence.
        before_head: From the hidden states of one layer, `[rows, width]` in float32 or float64,
            the model's head and the layer's number, to the states before the LM head,
            `[rows, width]`. It must treat each row alone.
        paper: Whether the lens is the paper's.
        order: Its place in lists: a lower number stands first.
    """

    name: str
    label: str
    summary: str
    before_head: Callable[[Tensor, Head, int], Tensor]
    paper: bool = False
    order: int = 100


def lenses() -> Mapping[str, Lens]:
    """All lenses by name, in their order."""
    return discover(__name__, tuple(__path__), "LENS", Lens)


def check_lens(name: str) -> None:
    """Refuses the name of a lens that does not exist.

    Raises:
        InputError: There is no such lens.
    """
    if name not in lenses():
        raise InputError(f"There is no lens {name!r}: take one of {', '.join(lenses())}.")
