"""A LoRA adapter while it is trained: adding it, running it below weight 1, saving it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import Tensor

from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.adapters import Factor
from analysis.training.recipe import Recipe


def add_adapter(base: Any, recipe: Recipe) -> Any:
    """The base with a fresh LoRA adapter in float32, the same for the same seed."""
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=list(recipe.modules),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(base, config)
    except ValueError as error:
        raise InputError(
            f"The base has none of the modules {', '.join(recipe.modules)}. "
            f"Name the linears of this base in `modules`."
        ) from error


@contextmanager
def adapter_weight(model: Any, weight: float) -> Iterator[None]:
    """Run the model's adapters at `weight` instead of 1, through their LoRA scaling."""
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    before = [dict(layer.scaling) for layer in layers]
    try:
        for layer in layers:
            layer.scaling.update({name: s * weight for name, s in layer.scaling.items()})
        yield
    finally:
        for layer, scaling in zip(layers, before, strict=True):
            layer.scaling.update(scaling)


def adapter_tensors(model: Any) -> dict[str, Tensor]:
    """The adapter's A and B under PEFT's names, on the CPU in float32."""
    return {
        name: tensor.detach().float().cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(model).items()
    }


def set_adapter_tensors(model: Any, tensors: dict[str, Tensor]) -> None:
    """Put back tensors from `adapter_tensors`."""
    set_peft_model_state_dict(model, tensors)


START = "start"
"""PEFT's name of the frozen adapter that a run goes on from."""


def add_start(model: Any, tensors: dict[str, Tensor]) -> None:
    """Add the adapter that a run goes on from a second time, frozen and not active."""
    model.add_adapter(START, model.peft_config["default"])
    set_peft_model_state_dict(model, tensors, adapter_name=START)
    model.set_adapter("default")


@contextmanager
def start_adapter(model: Any) -> Iterator[None]:
    """Run the adapter of `add_start` in place of the trained one."""
    model.set_adapter(START)
    try:
        yield
    finally:
        model.set_adapter("default")  # which makes its tensors trainable again


def factors(tensors: dict[str, Tensor], scaling: float) -> list[Factor]:
    """A and `scaling * B` of each module, from tensors under PEFT's names."""
    return [
        Factor(a_rI, scaling * tensors[name.replace(".lora_A.", ".lora_B.")])
        for name, a_rI in tensors.items()
        if ".lora_A." in name
    ]


def save_adapter(model: Any, folder: Path, base_name: str) -> None:
    """Write the adapter as PEFT reads it: float16 safetensors and `adapter_config.json`.

    The configuration names the base neutrally: a path of the machine that trained it would be
    of no use to anyone else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.half() for name, tensor in sorted(adapter_tensors(model).items())}
    save_file(halves, folder / TENSORS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict() | {
        "base_model_name_or_path": base_name,
        "inference_mode": True,
    }
    plain = {key: sorted(v) if isinstance(v, set) else v for key, v in config.items()}
    text = json.dumps(plain, indent=2, sort_keys=True, default=str)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
