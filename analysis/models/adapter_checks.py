"""An adapter's files as data: refused before PEFT sees them where they cannot be mixed.

The configuration is checked against settings that are harmless and mixable, the tensors against
the base model. Weights come from safetensors alone: a pickle can run code when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from analysis.common.digests import file_digest
from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.collection import AdapterEntry

# Settings that a mixture handles: PEFT resolves them at injection, or they change no number.
_HANDLED = {
    "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules",
    "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out", "lora_dropout",
    "init_lora_weights", "auto_mapping", "base_model_name_or_path", "revision", "task_type",
    "inference_mode", "peft_type", "peft_version", "megatron_core", "runtime_config",
    "qalora_group_size", "eva_config", "ensure_weight_tying",
}  # fmt: skip
# Initialisations that leave the base weights as they are. PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA
# subtract from the base weights, so that A and B alone are not the trained change.
_PLAIN_STARTS = (True, False, "gaussian", "orthogonal", "eva")
_REASONS = {
    "use_dora": "DoRA rescales the sum of base and adapter, so adapters cannot be added up",
    "modules_to_save": "it replaces whole modules of the base, which cannot be weighted",
    "bias": "it changes the base's biases, which cannot be weighted",
    "lora_bias": "its B has a bias, which this mixture does not add",
    "trainable_token_indices": "it changes rows of the embedding, which cannot be weighted",
    "layer_replication": "it changes the number of layers of the base",
    "alora_invocation_tokens": "it acts only after certain tokens",
    "target_parameters": "it changes parameters rather than linear modules",
}
_KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")


def read_config(entry: AdapterEntry) -> dict[str, Any]:
    """An adapter's configuration as data.

    Raises:
        InputError: There is none, or it is not a JSON object.
    """
    path = entry.folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"Adapter {entry.name}: {entry.folder} has no {CONFIG}: give the folder that PEFT's "
            "save_pretrained wrote."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"Adapter {entry.name}: {path} cannot be read ({error}).") from error
    if not isinstance(config, dict):
        raise InputError(f"Adapter {entry.name}: {path} holds no JSON object.")
    return config


def check_files(entry: AdapterEntry) -> None:
    """Checks an adapter's files as far as that needs no base model.

    Raises:
        InputError: A file is missing or is not the manifest's, or is nothing that can be mixed.
    """
    check_digest(entry)
    check_config(read_config(entry), entry.name)
    check_weights_file(entry)


def check_digest(entry: AdapterEntry) -> None:
    """Refuses weights that are not those that the manifest names; without a digest all are taken.

    Raises:
        InputError: The digest of the weights' file is another.
    """
    path = entry.folder / TENSORS
    if not entry.sha256 or not path.is_file():
        return
    found = file_digest(path)
    if found != entry.sha256:
        raise InputError(
            f"Adapter {entry.name}: {TENSORS} has SHA-256 {found}, and the manifest names "
            f"{entry.sha256}: fetch the file again, or correct the manifest."
        )


def check_config(config: Mapping[str, Any], name: str) -> None:
    """Refuses adapters that are not LoRA, and LoRAs that cannot be mixed by weights.

    Anything that is neither handled nor at its default is refused: a setting that a later PEFT
    adds may change the mathematics.

    Raises:
        InputError: With the setting, the reason and the remedy.
    """
    if config.get("peft_type") != "LORA":
        raise InputError(
            f"Adapter {name} has peft_type {config.get('peft_type')!r}: only LORA can be mixed."
        )
    defaults = {
        field.name: field.default if field.default is not MISSING else None
        for field in fields(LoraConfig)
    }
    for key, value in config.items():
        if key in _HANDLED or not value or value == defaults.get(key):
            continue
        reason = _REASONS.get(key, "this setting is not known to be mixable")
        raise InputError(
            f"Adapter {name} has {key} = {value!r}: {reason}. Retrain it without, or leave it out."
        )
    start = config.get("init_lora_weights", True)
    if start is not None and start not in _PLAIN_STARTS:
        raise InputError(
            f"Adapter {name} has init_lora_weights = {start!r}, which changes the base weights: "
            "convert it with PEFT's save_pretrained(path_initial_model_for_weight_conversion=…)."
        )


def check_weights_file(entry: AdapterEntry) -> Path:
    """The path of an adapter's weights.

    Raises:
        InputError: There is no such file.
    """
    path = entry.folder / TENSORS
    if not path.is_file():
        pickles = sorted(file.name for file in entry.folder.glob("*.bin"))
        if pickles:
            raise InputError(
                f"Adapter {entry.name} has only {pickles[0]}: a pickle can run code when it is "
                "read. Save it again with safe_serialization=True."
            )
        raise InputError(f"Adapter {entry.name}: {entry.folder} has no {TENSORS}.")
    return path


def check_tensors(entry: AdapterEntry, model: PreTrainedModel) -> dict[tuple[str, str], Any]:
    """Checks every tensor against the base: `(module, A or B)` → shape."""
    path = check_weights_file(entry)
    shapes: dict[tuple[str, str], Any] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (safe_open is no mapping)
                match = _KEY.fullmatch(key)
                if match is None:
                    raise InputError(
                        f"Adapter {entry.name} holds {key!r}, which is neither the A nor the B of "
                        "a linear module: such an adapter cannot be mixed."
                    )
                tensor = file.get_tensor(key)
                if not bool(torch.isfinite(tensor).all()):
                    raise InputError(
                        f"Adapter {entry.name}: {key} holds NaN or infinity: its training went "
                        "wrong; take an earlier checkpoint."
                    )
                shapes[match.group(1), match.group(2)] = tuple(tensor.shape)
    except SafetensorError as error:
        raise InputError(
            f"Adapter {entry.name}: {path.name} is damaged or cut off ({error}): fetch it again."
        ) from error
    modules = dict(model.named_modules())
    for (name, which), shape in shapes.items():
        _check_shape(entry.name, name, which, shape, modules, model)
        a, b = shapes.get((name, "A")), shapes.get((name, "B"))
        if a is None or b is None or len(a) != 2 or len(b) != 2 or a[0] != b[1]:
            raise InputError(
                f"Adapter {entry.name}: {name} has A of shape {a} and B of shape {b}, which do "
                "not belong together: save it again."
            )
    return shapes


def _check_shape(
    adapter: str,
    name: str,
    which: str,
    shape: tuple[int, ...],
    modules: Mapping[str, nn.Module],
    model: PreTrainedModel,
) -> None:
    module = modules.get(name)
    if isinstance(module, nn.Embedding) or module is model.get_output_embeddings():
        raise InputError(
            f"Adapter {adapter} acts on {name}, which belongs to no layer: a weight per layer "
            "cannot apply to it. Retrain it on the linears of the blocks."
        )
    if isinstance(module, Conv1D):
        inputs, outputs = module.weight.shape
    elif isinstance(module, nn.Linear):
        inputs, outputs = module.in_features, module.out_features
    else:
        raise InputError(
            f"Adapter {adapter} acts on {name}, and the base has no such linear module: it was "
            "made for another base model."
        )
    size, place = (inputs, -1) if which == "A" else (outputs, 0)
    if not shape or shape[place] != size:
        raise InputError(
            f"Adapter {adapter}: the {which} of {name} has shape {shape}, and the base needs "
            f"{size} there: it was made for another base model."
        )
