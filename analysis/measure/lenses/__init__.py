"""The lenses: maps from hidden states to the states that the LM head reads, one file each.

A lens's file holds a `LENS`. To add a lens, add its file: discovery lists it on the page, on the
command line and in permalinks. The page lists the lenses before torch is loaded, so their files
import torch only when they run. A lens may declare a fitted file; layers are read through a
`BoundLens`, which holds the tensors of that file.

The distributions that lenses show of early layers are not calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.common.discovery import discover
from analysis.common.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.head import Head
    from analysis.models.fitted import Fitted


SATURATED = 0.9999
"""A lens saturates where the base gives one token more than this probability: the other tokens have
too little for divergences to mean anything."""


@dataclass(frozen=True)
class Lens:
    """A map from the hidden states of a layer to the states that the LM head reads.

    Attributes:
        name: The name that commands and links use.
        label: The name that people read.
        summary: What the lens does to hidden states, in one sentence.
        before_head: From the hidden states of one layer, `[rows, width]` in float32 or float64,
            the model's head, the layer's number and the tensors of the fitted file by name, to the
            states before the LM head, `[rows, width]`. The first row is the base's. A row may
            depend on itself and on the base's, and on no other.
        fitted: The lens's fitted file, as a path in the collection's folder; "" where it needs
            none.
        paper: Whether the lens is the paper's.
        order: Its place in lists: a lower number stands first.
    """

    name: str
    label: str
    summary: str
    before_head: Callable[[Tensor, Head, int, Mapping[str, Tensor]], Tensor]
    fitted: str = ""
    paper: bool = False
    order: int = 100

    def missing_in(self, folder: Path) -> str:
        """What a collection lacks for this lens and how to make it, or "" where it lacks nothing.

        Args:
            folder: The collection's.
        """
        if not self.fitted or (folder / self.fitted).is_file():
            return ""
        return self._missing()

    def bound(self, fitted: Callable[[str], Fitted | None]) -> BoundLens:
        """The lens with the tensors of its fitted file.

        Args:
            fitted: Gives a fitted file of the collection, or None where it has none.

        Raises:
            InputError: The collection has no such file, or it cannot be used.
        """
        if not self.fitted:
            return BoundLens(self)
        found = fitted(self.fitted)
        if found is None:
            raise InputError(f"The {self.name} lens cannot be used: {self._missing()}.")
        return BoundLens(self, found.tensors)

    def _missing(self) -> str:
        return (
            f"the collection has no {self.fitted}, which `python -m analysis fit-lens {self.name}` "
            "makes"
        )


@dataclass(frozen=True)
class BoundLens:
    """A lens with the tensors that it needs: layers can be read through it.

    Attributes:
        lens: The lens.
        fitted: The tensors of its fitted file by name; empty where it needs none.
    """

    lens: Lens
    fitted: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The lens's name."""
        return self.lens.name

    def before_head(self, hidden_RD: Tensor, head: Head, layer: int) -> Tensor:
        """The states before the LM head, `[rows, width]`; see `Lens.before_head`."""
        return self.lens.before_head(hidden_RD, head, layer, self.fitted)


def lenses() -> Mapping[str, Lens]:
    """All lenses by name, in their order."""
    return discover(__name__, tuple(__path__), "LENS", Lens)


def bind_lens(name: str, fitted: Callable[[str], Fitted | None] = lambda name: None) -> BoundLens:
    """A lens by its name, with the tensors that it needs.

    Args:
        name: Name of a lens.
        fitted: Gives a fitted file of the collection, or None where it has none.

    Raises:
        InputError: There is no such lens, or its fitted file is missing or cannot be used.
    """
    check_lens(name)
    return lenses()[name].bound(fitted)


def check_lens(name: str) -> None:
    """Refuses the name of a lens that does not exist.

    Raises:
        InputError: There is no such lens.
    """
    if name not in lenses():
        raise InputError(f"There is no lens {name!r}: take one of {', '.join(lenses())}.")
