"""Reading adapters, and refusing those that cannot be mixed.

An adapter is checked as data before PEFT sees it: the configuration against what is known to be
harmless and mixable, the tensors against the base model. PEFT then resolves ranks, scalings and
module names, exactly as it would to run the adapter.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from analysis.collection import AdapterEntry
from analysis.errors import InputError

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"

# What a mixture handles: PEFT resolves these at injection, or they do not touch the mathematics.
_HANDLED = {
    "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules",
    "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out", "lora_dropout",
    "init_lora_weights", "auto_mapping", "base_model_name_or_path", "revision", "task_type",
    "inference_mode", "peft_type", "peft_version", "megatron_core", "runtime_config",
    "qalora_group_size", "eva_config", "ensure_weight_tying",
}  # fmt: skip
# Initialisations that leave the base weights as they are. The others (PiSSA, OLoRA, CorDA, LoftQ,
# LoRA-GA) subtract from them: their A and B alone are not what was trained.
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
# PEFT makes its adapter's name an attribute of modules, which `half` and `v1.0` cannot be.
_INJECTED = "default"
_KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")


@dataclass(frozen=True)
class Factor:
    """What an adapter adds to one linear: `ΔW x = B (A x)`.

    Attributes:
        a_rI: `[rank, inputs]`.
        b_Or: `[outputs, rank]`, PEFT's scaling already in it.
    """

    a_rI: Tensor
    b_Or: Tensor


@dataclass(frozen=True)
class Adapter:
    """An adapter that fits the base.

    Attributes:
        entry: Its place in the collection.
        factors: Module name in the base → factor.
    """

    entry: AdapterEntry
    factors: Mapping[str, Factor]

    @property
    def name(self) -> str:
        """The adapter's name."""
        return self.entry.name


def load_adapter(model: PreTrainedModel, entry: AdapterEntry) -> Adapter:
    """Reads one adapter and resolves it against the base; the base stays as it is.

    Raises:
        InputError: It is not there, damaged, unsafe, or nothing that can be mixed.
    """
    check_config(read_config(entry), entry.name)
    shapes = _check_tensors(entry, model)
    with _injected(model, entry) as layers:
        factors = {}
        for name, layer in layers.items():
            a_rI = layer.lora_A[_INJECTED].weight.detach()
            b_Or = layer.lora_B[_INJECTED].weight.detach()
            factors[name] = Factor(a_rI, b_Or * float(layer.scaling[_INJECTED]))
    lacking = {name for name, _ in shapes} ^ set(factors)
    if lacking or len(shapes) != 2 * len(factors):
        example = min(lacking, default=min(factors, default="none"))
        raise InputError(
            f"Adapter {entry.name}: its configuration names other modules than its tensors "
            f"(for example {example}): save it again with PEFT's save_pretrained."
        )
    return Adapter(entry, factors)


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


def check_config(config: Mapping[str, Any], name: str) -> None:
    """Refuses what is no LoRA, or a LoRA that cannot be mixed by weights.

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


def _check_tensors(entry: AdapterEntry, model: PreTrainedModel) -> dict[tuple[str, str], Any]:
    """Checks every tensor against the base: `(module, A or B)` → shape."""
    path = entry.folder / TENSORS
    if not path.is_file():
        pickles = sorted(file.name for file in entry.folder.glob("*.bin"))
        if pickles:
            raise InputError(
                f"Adapter {entry.name} has only {pickles[0]}: a pickle can run code when it is "
                "read. Save it again with safe_serialization=True."
            )
        raise InputError(f"Adapter {entry.name}: {entry.folder} has no {TENSORS}.")
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


@contextmanager
def _injected(model: PreTrainedModel, entry: AdapterEntry) -> Iterator[dict[str, Any]]:
    """PEFT's LoRA layers of one adapter, by module name; taken out again at the end."""
    parameters = {name: value.requires_grad for name, value in model.named_parameters()}
    training = model.training
    try:
        with warnings.catch_warnings():
            # PEFT and transformers warn of each other's deprecations, which no user can mend, and
            # of keys that do not match, which `load_adapter` refuses in its own words.
            warnings.simplefilter("ignore")
            PeftModel.from_pretrained(
                model,
                str(entry.folder),
                adapter_name=_INJECTED,
                autocast_adapter_dtype=False,
                low_cpu_mem_usage=True,
            )
        yield {
            name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)
        }
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"Adapter {entry.name}: PEFT cannot load it ({line}).") from error
    finally:
        # Not PEFT's unload: where PEFT fails half-way, there is nothing to call it on.
        for name, module in list(model.named_modules()):
            if isinstance(module, LoraLayer):
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, module.get_base_layer())
        if hasattr(model, "peft_config"):
            del model.peft_config
        for name, value in model.named_parameters():
            value.requires_grad_(parameters.get(name, False))
        model.train(training)


def size(adapter: Adapter) -> float:
    """`‖ΔW‖`, the Frobenius norm over all its modules, without forming any ΔW."""
    total = 0.0
    for factor in adapter.factors.values():
        gram_a = factor.a_rI.double() @ factor.a_rI.double().T
        gram_b = factor.b_Or.double().T @ factor.b_Or.double()
        total += float((gram_a * gram_b).sum())
    return math.sqrt(total)
