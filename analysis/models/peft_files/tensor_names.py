"""Names of tensors in an adapter's file: the part that each plays, and the module it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["A", "B", "magnitude", "bias", "whole", "other"]

# What wrappers put into names: a compiler, sharded training, activation checkpoints.
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_PARTS: dict[str, Part] = {"lora_A": "A", "lora_B": "B", "lora_magnitude_vector": "magnitude"}
# Matrices that are no A or B of a linear: of embeddings, of other programs, of other kinds.
_OTHER = {
    "lora_embedding_A", "lora_embedding_B", "lora_a", "lora_b", "lora_up", "lora_down",
    "trainable_tokens_delta", "token_adapter",
}  # fmt: skip


@dataclass(frozen=True)
class TensorName:
    """A tensor's name, read.

    Attributes:
        part: A, B, the magnitude of a DoRA, the bias of B, a whole tensor of the base, or another.
        module: The module's name; of a whole tensor, its own name.
        adapter: The name that PEFT gave the adapter within a model; empty where it left it out.
    """

    part: Part
    module: str
    adapter: str = ""


def read_name(key: str) -> TensorName:
    """Reads a tensor's name: `base_model.model.<module>.lora_A.weight`, as it is met in files."""
    parts = [part for part in key.split(".") if part not in _WRAPPERS]
    while parts[:1] == ["module"]:
        parts = parts[1:]
    if parts[:2] == ["base_model", "model"]:
        parts = parts[2:]
    for index, part in enumerate(parts):
        if part in _OTHER:
            return TensorName("other", ".".join(parts[:index]))
        if part in _PARTS:
            return _lora(part, ".".join(parts[:index]), parts[index + 1 :])
    if "modules_to_save" in parts:
        index = parts.index("modules_to_save")
        # In a raw state dictionary, the adapter's name stands after it.
        name, *rest = parts[index + 1 :] or [""]
        return TensorName("whole", ".".join(parts[:index] + (rest or [name])), name if rest else "")
    kept = [part for part in parts if part not in ("base_layer", "original_module")]
    return TensorName("whole", ".".join(kept))


def _lora(part: str, module: str, rest: list[str]) -> TensorName:
    """What follows `lora_A`: the adapter's name or none, then `weight`, `bias` or nothing."""
    if rest[-1:] == ["bias"]:
        return TensorName("bias", module, ".".join(rest[:-1]))
    if rest[-1:] == ["weight"]:
        rest = rest[:-1]
    elif _PARTS[part] != "magnitude":
        return TensorName("other", module)
    return TensorName(_PARTS[part], module, ".".join(rest))
