"""The weights of a base after loading: all there, of the right sizes, and finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from analysis.common.errors import InputError
from analysis.models.bases.layer_names import layer_place


def check_loading(info: Mapping[str, Any], model: nn.Module, layers: int) -> None:
    """Refuses a base whose files do not hold its weights; the rest would be random numbers.

    Args:
        info: What `from_pretrained` gives with `output_loading_info`.
        model: The base that was loaded.
        layers: Number of layers of the base's configuration.

    Raises:
        InputError: Weights are missing, have other sizes, or belong to more layers.
    """
    missing, sizes = sorted(info["missing_keys"]), sorted(info["mismatched_keys"])
    if missing:
        raise InputError(
            f"The base's files lack {len(missing)} weights ({missing[0]}), or name them otherwise: "
            "fetch all its files again, with the config.json that belongs to them."
        )
    if sizes:
        name, found, needed = sizes[0]
        raise InputError(
            f"The base's weight {name} is {tuple(found)}, and its config.json says "
            f"{tuple(needed)}: give the files of one and the same base."
        )
    own = {place[0] for name, _ in model.named_parameters() if (place := layer_place(name))}
    for name in sorted(info["unexpected_keys"]):
        place = layer_place(name)
        # Files name modules with or without what stands around the inner model.
        if place and place[1] >= layers and any(f".{one}".endswith(f".{place[0]}") for one in own):
            raise InputError(
                f"The base's files hold more layers than the {layers} of its config.json ({name}): "
                "give the files of one and the same base."
            )


def check_finite(model: nn.Module) -> None:
    """Refuses a base with NaN or infinity among its weights.

    Raises:
        InputError: With the name of the weight.
    """
    for name, value in model.named_parameters():
        if value.is_meta or not value.is_floating_point():
            continue
        # A sum reads the weights once and shows any of them; only an overflow needs a second look.
        if not value.sum().isfinite() and not value.isfinite().all():
            raise InputError(
                f"The base's weight {name} holds NaN or infinity: fetch its files again, or take "
                "another base."
            )
