"""The contents of an adapter's files, checked as far as that needs no base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.models.peft_files.configuration import LoraSettings, settings_of
from analysis.models.peft_files.faults import listed, refusal, short
from analysis.models.peft_files.folder import config_of, tensors_of
from analysis.models.peft_files.header import TensorHeader, read_header
from analysis.models.peft_files.patterns import FirstMatch, Patterns
from analysis.models.peft_files.tensor_names import TensorName, read_name


@dataclass(frozen=True)
class ModuleTensors:
    """The tensors of one module.

    Attributes:
        a: Name of A in the file, `[rank, inputs]`.
        b: Name of B in the file, `[outputs, rank]`.
        magnitude: Name of the magnitude of a DoRA; None of a LoRA.
        rank: Number of rows of A.
        inputs: Inputs of the module.
        outputs: Outputs of the module.
        scaling: The factor of B A.
    """

    a: str
    b: str
    magnitude: str | None
    rank: int
    inputs: int
    outputs: int
    scaling: float


@dataclass(frozen=True)
class Contents:
    """The contents of an adapter's files.

    Attributes:
        adapter: The adapter's name.
        path: Its weights' file.
        settings: Its settings.
        headers: Type and shape of each tensor by its name in the file.
        modules: Tensors of each module, by the module's name in the file.
        biases: Names in the file of biases of B.
        whole: Names in the file of whole tensors of the base, with their names in the base.
        unused: Patterns of ranks and alphas that match none of its modules.
        patterns: Its regular expressions, with their deadline.
    """

    adapter: str
    path: Path
    settings: LoraSettings
    headers: Mapping[str, TensorHeader]
    modules: Mapping[str, ModuleTensors]
    biases: tuple[str, ...]
    whole: Mapping[str, str]
    unused: tuple[str, ...]
    patterns: Patterns


def read_contents(adapter: str, folder: Path) -> Contents:
    """Reads an adapter's configuration and the names and shapes of its tensors.

    Raises:
        InputError: They are nothing that can be mixed; with the reason and the remedy.
    """
    config = config_of(adapter, folder)
    settings = settings_of(adapter, config)
    path = tensors_of(adapter, folder)
    headers = read_header(adapter, path)
    if not headers or any(not header.numbers for header in headers.values()):
        raise refusal(
            adapter,
            f"{path.name} is an empty save, as sharded training (ZeRO-3) leaves it: save again "
            "with stage3_gather_16bit_weights_on_model_save, or convert with zero_to_fp32.py.",
        )
    names = {key: read_name(key) for key in headers}
    several = {name.adapter for name in names.values() if name.adapter}
    if len(several) > 1:
        raise refusal(
            adapter, f"{path.name} holds several adapters ({listed(several)}): save each alone."
        )
    patterns = Patterns(adapter)
    modules, unused = _modules(adapter, names, headers, settings, patterns)
    return Contents(
        adapter=adapter,
        path=path,
        settings=settings,
        headers=headers,
        modules=modules,
        biases=tuple(key for key, name in names.items() if name.part == "bias"),
        whole={key: name.module for key, name in names.items() if name.part == "whole"},
        unused=unused,
        patterns=patterns,
    )


def _modules(
    adapter: str,
    names: Mapping[str, TensorName],
    headers: Mapping[str, TensorHeader],
    settings: LoraSettings,
    patterns: Patterns,
) -> tuple[dict[str, ModuleTensors], tuple[str, ...]]:
    keys: dict[str, dict[str, str]] = {}
    for key, name in names.items():
        if name.part == "other":
            raise refusal(
                adapter,
                f"it holds {short(key)}, which is neither the A nor the B of a linear module: "
                "such an adapter cannot be mixed. Retrain it on linears, and save it with PEFT.",
            )
        if name.part in ("A", "B", "magnitude"):
            own = keys.setdefault(name.module, {})
            if name.part in own:
                raise refusal(
                    adapter,
                    f"it holds {short(key)} and {short(own[name.part])}, the same matrix twice: "
                    "save it again.",
                )
            own[name.part] = key
    ranks = FirstMatch(patterns, "rank_pattern", settings.rank_pattern)
    alphas = FirstMatch(patterns, "alpha_pattern", settings.alpha_pattern)
    found: dict[str, ModuleTensors] = {}
    used = set()
    for module, own in keys.items():
        rank_key, alpha_key = ranks.of(module), alphas.of(module)
        used |= {("rank_pattern", rank_key), ("alpha_pattern", alpha_key)}
        rank = settings.rank if rank_key is None else settings.rank_pattern[rank_key]
        alpha = settings.alpha if alpha_key is None else settings.alpha_pattern[alpha_key]
        found[module] = _module(adapter, module, own, headers, settings, rank, alpha)
    if not found:
        raise refusal(
            adapter,
            f"none of its tensors is the A or the B of a linear module, such as "
            f"{short(min(headers))}: such an adapter cannot be mixed. Save it with PEFT's "
            "save_pretrained.",
        )
    given = [
        *(("rank_pattern", key) for key in settings.rank_pattern),
        *(("alpha_pattern", key) for key in settings.alpha_pattern),
    ]
    return found, tuple(f"{field} {short(key)}" for field, key in given if (field, key) not in used)


def _module(
    adapter: str,
    module: str,
    own: Mapping[str, str],
    headers: Mapping[str, TensorHeader],
    settings: LoraSettings,
    rank: int,
    alpha: float,
) -> ModuleTensors:
    a, b = (headers[own[part]].shape if part in own else None for part in ("A", "B"))
    if a is None or b is None or len(a) != 2 or len(b) != 2 or a[0] != b[1]:
        raise refusal(
            adapter,
            f"{short(module)[1:-1]} has A of shape {a} and B of shape {b}, which do not belong "
            "together: save it again.",
        )
    if a[0] != rank:
        raise refusal(
            adapter,
            f"{short(module)[1:-1]} has rank {a[0]}, and its configuration says {rank}: correct r "
            "or rank_pattern, or save it again with PEFT's save_pretrained.",
        )
    _check_magnitude(adapter, module, own.get("magnitude"), headers, settings, b[0])
    return ModuleTensors(
        own["A"], own["B"], own.get("magnitude"), rank, a[1], b[0], settings.scaling(rank, alpha)
    )


def _check_magnitude(
    adapter: str,
    module: str,
    key: str | None,
    headers: Mapping[str, TensorHeader],
    settings: LoraSettings,
    outputs: int,
) -> None:
    place = short(module)[1:-1]
    if key is None and settings.dora:
        raise refusal(
            adapter,
            f"use_dora is set, and {place} has no lora_magnitude_vector: save it again, or "
            "correct use_dora.",
        )
    if key is not None and not settings.dora:
        raise refusal(
            adapter,
            f"{place} has a lora_magnitude_vector, and use_dora is not set: set it if this is a "
            "DoRA, or save it again.",
        )
    if key is not None and headers[key].numbers != outputs:
        raise refusal(
            adapter,
            f"the magnitude of {place} has shape {headers[key].shape}, and its B has {outputs} "
            "rows: save it again.",
        )
