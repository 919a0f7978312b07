"""The layers to show, as a visitor writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.widgets.words.said import say

SPAN = re.compile(r"\s*(?:(\d{1,4})\s*(?:(-|–|—|\.\.|to)\s*(\d{0,4})\s*)?)?", re.ASCII)
"""The forms in which a visitor may write layers."""


@dataclass(frozen=True)
class LayerSpan:
    """A range of layers as it is written.

    Attributes:
        written: `6–11`, `6–` or `6`; all layers if it is empty or cannot be used.
    """

    written: str

    def layers(self, count: int) -> range:
        """The layers to show of `count` layers; at least one."""
        first, last = self._ends(count) or (0, count - 1)
        return range(first, last + 1) if 0 <= first <= last < count else range(count)

    def fault(self, count: int) -> str:
        """Why it cannot be used with `count` layers, in a sentence; empty if it can."""
        ends = self._ends(count)
        if ends is None:
            remedy = say("write a range such as 6–11, or one layer such as 6")
        elif max(ends) >= count:
            remedy = say("the layers are 0–{last}", last=count - 1)
        elif ends[0] > ends[1]:
            remedy = say("write the lower number first, {range}", range=f"{ends[1]}–{ends[0]}")
        else:
            return ""
        written = self.written.strip()[:20]
        return say("“{written}” cannot be used: {remedy}.", written=written, remedy=remedy)

    def stay(self, count: int) -> str:
        """Its layers as the beginning of a sentence about what stays."""
        layers = self.layers(count)
        if len(layers) == 1:
            return f"Only layer {layers.start} stays"
        if len(layers) == count:
            return "All layers stay"
        return f"Layers {layers.start}–{layers.stop - 1} stay"

    def _ends(self, count: int) -> tuple[int, int] | None:
        """The first and the last layer as they are written; None if they cannot be read."""
        match = SPAN.fullmatch(self.written)
        if match is None:
            return None
        first, dash, last = match.groups()
        if first is None:
            return 0, count - 1
        if not dash:
            last = first
        return int(first), int(last) if last else max(int(first), count - 1)
