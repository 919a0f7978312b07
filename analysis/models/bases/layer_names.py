"""Layers in the names of modules, such as `model.layers.3.mlp.up_proj`."""

from __future__ import annotations

LAYER_LISTS = ("layers", "h", "blocks")
"""Names of the list of blocks, over all families."""


def layer_place(name: str) -> tuple[str, int] | None:
    """The list of layers that a module's name places it in, and its number there; or None."""
    parts = name.split(".")
    for index in range(len(parts) - 2):
        if parts[index] in LAYER_LISTS and parts[index + 1].isdecimal():
            return ".".join(parts[: index + 1]), int(parts[index + 1])
    return None


def layer_number(name: str) -> int | None:
    """The layer that a module's name places it in, or None."""
    place = layer_place(name)
    return None if place is None else place[1]
