"""An adapter's configuration: refused where it says something that cannot be mixed by weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from peft import LoraConfig

from analysis.models.peft_files.faults import refusal, short
from analysis.models.peft_files.origin import base_name

# Settings that change no number, or that are read here.
_HANDLED = {
    "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "target_modules",
    "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out", "lora_dropout",
    "init_lora_weights", "auto_mapping", "base_model_name_or_path", "revision", "task_type",
    "inference_mode", "peft_type", "peft_version", "megatron_core", "runtime_config",
    "qalora_group_size", "eva_config", "ensure_weight_tying",
    # The tensors say whether anything of these was saved, and whether it equals the base's.
    "modules_to_save", "bias", "lora_bias",
}  # fmt: skip
# Initialisations that leave the base weights as they are. PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA
# subtract from the base weights, so that A and B alone are not the trained change.
_PLAIN_STARTS = (True, False, "gaussian", "orthogonal", "eva")
_REASONS = {
    "trainable_token_indices": "it changes rows of the embedding, which cannot be weighted",
    "layer_replication": "it changes the number of layers of the base",
    "alora_invocation_tokens": "it acts only after certain tokens",
    "target_parameters": "it changes parameters rather than linear modules",
    "megatron_config": "it was trained on Megatron's parallel linears",
    "use_qalora": "its A sees groups of inputs, not the inputs",
    "use_bdlora": "its matrices are made of blocks, which this mixture does not add",
}
# Kinds whose change of a weight PEFT can write as a LoRA.
_CONVERTIBLE = {"LOHA", "LOKR", "BONE", "MISS", "VERA", "FOURIERFT", "RANDLORA", "ADALORA",
                "GRALORA", "DELORA", "WAVEFT", "PVERA"}  # fmt: skip
_MOST_PATTERNS = 70_000
_MOST_SAVED = 100  # each is looked for in the names of all tensors
_LONGEST_PATTERN = 20_000


@dataclass(frozen=True)
class LoraSettings:
    """The settings of a LoRA that decide what its tensors mean.

    Attributes:
        rank: r, where no pattern says another.
        alpha: alpha, where no pattern says another.
        rank_pattern: Other ranks by pattern of the module's name.
        alpha_pattern: Other alphas by pattern of the module's name.
        rslora: Whether the scaling is `alpha / √r` rather than `alpha / r`.
        dora: Whether each module has a magnitude (DoRA).
        targets: The modules that it was made for: names, one regular expression, or None.
        excluded: Modules that `targets` leaves out, in the same form.
        layers: The layers that it was made for; None for all.
        layers_patterns: Names of the list of layers; empty for any.
        saved_modules: Modules of the base that were trained as a whole.
        base: Name of the base that it was trained on, without a place; empty where it is not said.
    """

    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    rslora: bool
    dora: bool
    targets: str | tuple[str, ...] | None
    excluded: str | tuple[str, ...] | None
    layers: tuple[int, ...] | None
    layers_patterns: tuple[str, ...]
    saved_modules: tuple[str, ...]
    base: str

    def scaling(self, rank: int, alpha: float) -> float:
        """The factor of B A."""
        return alpha / math.sqrt(rank) if self.rslora else alpha / rank


def settings_of(adapter: str, config: Mapping[str, Any]) -> LoraSettings:
    """The settings of an adapter's configuration.

    Anything that is neither handled nor at its default is refused: a setting that a later PEFT
    adds may change the mathematics.

    Raises:
        InputError: It is no LoRA, or no LoRA that can be mixed by weights; with the remedy.
    """
    _check_kind(adapter, config)
    defaults = {
        field.name: field.default if field.default is not MISSING else None
        for field in fields(LoraConfig)
    }
    for key, value in config.items():
        if key in _HANDLED or not value or value == defaults.get(key):
            continue
        reason = _REASONS.get(key, "this setting is not known to be mixable")
        raise refusal(
            adapter,
            f"{short(key)[1:-1]} = {short(value)}: {reason}. Retrain it without, or leave it out.",
        )
    start = config.get("init_lora_weights", True)
    if start is not None and start not in _PLAIN_STARTS:
        raise refusal(
            adapter,
            f"init_lora_weights = {short(start)}, which changes the base weights: convert it with "
            "PEFT's save_pretrained(path_initial_model_for_weight_conversion=…).",
        )
    found = _Reader(adapter, config)
    return LoraSettings(
        rank=found.rank("r", config.get("r", 8)),
        alpha=found.alpha("lora_alpha", config.get("lora_alpha", 8)),
        rank_pattern={key: found.rank(key, one) for key, one in found.table("rank_pattern")},
        alpha_pattern={key: found.alpha(key, one) for key, one in found.table("alpha_pattern")},
        rslora=found.flag("use_rslora"),
        dora=found.flag("use_dora"),
        targets=found.pattern("target_modules"),
        excluded=found.pattern("exclude_modules"),
        layers=found.layers(),
        layers_patterns=found.names("layers_pattern"),
        saved_modules=found.names("modules_to_save", _MOST_SAVED),
        base=base_name(config.get("base_model_name_or_path")),
    )


def _check_kind(adapter: str, config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type")
    if kind == "LORA":
        return
    if kind is None and {"lora_parameters", "fine_tune_type"} & config.keys():
        raise refusal(
            adapter,
            "it was made with MLX, whose matrices lie the other way round: convert it to PEFT's "
            "form (lora_A = lora_aᵀ, lora_B = lora_bᵀ, with peft_type, r and lora_alpha).",
        )
    if isinstance(kind, str) and kind in _CONVERTIBLE:
        raise refusal(
            adapter,
            f"peft_type is {short(kind)}, and only LORA can be mixed: convert it with "
            "`from peft import save_as_lora; save_as_lora(folder, model, rank=16)`.",
        )
    raise refusal(
        adapter,
        f"peft_type is {short(kind)}, and only LORA can be mixed: train a LoRA, or leave it out.",
    )


class _Reader:
    """Fields of a configuration, each checked; a mistake names the field and its value."""

    def __init__(self, adapter: str, config: Mapping[str, Any]) -> None:
        self._adapter = adapter
        self._config = config

    def _wrong(self, key: str, value: object, remedy: str) -> Exception:
        return refusal(self._adapter, f"{short(key)[1:-1]} = {short(value)}: {remedy}.")

    def flag(self, key: str) -> bool:
        value = self._config.get(key, False)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._wrong(key, value, "write true or false in adapter_config.json")

    def rank(self, key: str, value: object) -> int:
        if type(value) is int and value >= 1:
            return value
        raise self._wrong(key, value, "a rank is a whole number from 1; correct it")

    def alpha(self, key: str, value: object) -> float:
        if type(value) in (int, float):
            try:
                alpha = float(value)  # type: ignore[arg-type]
            except OverflowError:
                alpha = math.inf
            if math.isfinite(alpha):
                return alpha
        raise self._wrong(key, value, "alpha is a finite number; correct it")

    def table(self, key: str) -> list[tuple[str, Any]]:
        value = self._config.get(key) or {}
        if not isinstance(value, dict) or len(value) > _MOST_PATTERNS:
            raise self._wrong(key, value, "write a table of patterns and numbers")
        self._check_lengths(key, value)
        return list(value.items())

    def pattern(self, key: str) -> str | tuple[str, ...] | None:
        value = self._config.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            if len(value) > _LONGEST_PATTERN:
                raise self._wrong(key, value, f"at most {_LONGEST_PATTERN} characters are read")
            return value
        return self.names(key)

    def names(self, key: str, most: int = _MOST_PATTERNS) -> tuple[str, ...]:
        value = self._config.get(key) or []
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self._wrong(key, value, "write a list of names of modules")
        if len(values) > most:
            raise self._wrong(key, value, f"at most {most} names are read")
        self._check_lengths(key, values)
        return tuple(values)

    def _check_lengths(self, key: str, values: Iterable[str]) -> None:
        for one in values:
            if len(one) > _LONGEST_PATTERN:
                raise self._wrong(key, one, f"at most {_LONGEST_PATTERN} characters are read")

    def layers(self) -> tuple[int, ...] | None:
        value = self._config.get("layers_to_transform")
        if value is None or value == []:
            return None
        values = [value] if type(value) is int else value
        if not isinstance(values, list) or not all(type(one) is int for one in values):
            raise self._wrong("layers_to_transform", value, "write a list of numbers of layers")
        return tuple(values)
