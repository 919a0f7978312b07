"""A fused adapter as files: what PEFT loads, and a card that says how it was made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save_file

from analysis.common.errors import InputError
from analysis.export.fused_factors import FusedModule
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.collection import Collection
from analysis.models.provenance import Provenance

_FRONT = "base_model.model."


@dataclass(frozen=True)
class Making:
    """How a fused adapter was made, for its card.

    Attributes:
        collection: The collection.
        source: The base, the adapters and the versions.
        method: The method's name, or words for weights of another origin.
        settings: How the divergences were read and turned into weights, in words; empty without.
        queries: The queries; the weights are the mean over them.
        adapters: Names of the adapters.
        weights: `[layers][adapters]`.
    """

    collection: Collection
    source: Provenance
    method: str
    settings: str
    queries: Sequence[str]
    adapters: tuple[str, ...]
    weights: Sequence[Sequence[float]]


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds something.

    Raises:
        InputError: It is not empty, or no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty: name a new folder.")


def write_folder(folder: Path, modules: Mapping[str, FusedModule], making: Making) -> None:
    """Writes a fused adapter.

    Args:
        folder: Where to; made if it is not there.
        modules: The matrices by name of the module.
        making: How they were made.

    Raises:
        InputError: The folder is not empty or cannot be written.
    """
    check_folder(folder)
    tensors = {}
    for name, module in modules.items():
        tensors[f"{_FRONT}{name}.lora_A.weight"] = module.a_rI.contiguous()
        tensors[f"{_FRONT}{name}.lora_B.weight"] = module.b_Or.contiguous()
        if module.magnitude_O is not None:
            tensors[f"{_FRONT}{name}.lora_magnitude_vector"] = module.magnitude_O.contiguous()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(_config(modules, making), encoding="utf-8")
        (folder / "README.md").write_text(card(making), encoding="utf-8")
        save_file(tensors, folder / TENSORS, metadata={"format": "pt"})
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): name another folder."
        ) from error


def _config(modules: Mapping[str, FusedModule], making: Making) -> str:
    """PEFT's configuration: alpha equals the rank of each module, so that PEFT scales by 1."""
    ranks = {name: len(module.a_rI) for name, module in modules.items()}
    (usual, _), *_ = Counter(ranks.values()).most_common(1)
    other = {name: rank for name, rank in ranks.items() if rank != usual}
    config = LoraConfig(
        r=usual,
        lora_alpha=usual,
        rank_pattern=other,
        alpha_pattern=dict(other),
        target_modules=sorted(modules),
        use_dora=any(module.magnitude_O is not None for module in modules.values()),
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=making.collection.base.public_name,
        revision=making.source.revision,
    ).to_dict()
    plain = {key: sorted(one) if isinstance(one, set) else one for key, one in config.items()}
    return json.dumps(plain, indent=2, sort_keys=True, default=str) + "\n"


def card(making: Making) -> str:
    """The model card: what the adapter is, how it was made, how to load it."""
    collection, source = making.collection, making.source
    base = collection.base
    front = ["library_name: peft", "tags: [lora, model-merging, fusion-lens]"]
    if base.source == "hub":
        front.append(f"base_model: {base.location}")
    files = dict(zip(collection.names, source.adapters, strict=True))
    entries = [entry for entry in collection.adapters if entry.name in making.adapters]
    rows = [
        f"| `{one.name}` | `{files[one.name].sha256}` | `{files[one.name].config_sha256}` | "
        f"{_cell(one.license) or 'not said'} |"
        for one in entries
    ]
    count = len(making.queries)
    about = "of one query" if count == 1 else f"that are the mean over {count} queries"
    shown = "\n".join(json.dumps(query, ensure_ascii=False) for query in making.queries[:20])
    more = f"\n… and {count - 20} more" if count > 20 else ""
    settings = f" ({making.settings})" if making.settings else ""
    names = " | ".join(f"`{name}`" for name in making.adapters)
    table = "\n".join(
        f"| {layer} | " + " | ".join(f"{weight:.4f}" for weight in weights) + " |"
        for layer, weights in enumerate(making.weights)
    )
    computed = source.computation
    versions = ", ".join(f"{name} {version}" for name, version in source.versions.items())
    fence = "`" * (3 + max(map(_backticks, making.queries), default=0))
    return f"""---
{chr(10).join(front)}
---

# A fused adapter

{len(entries)} LoRA adapters as one, with the weights {about} in each layer, by the method
`{making.method}`{settings}. Made with Fusion Lens. The weights are fixed: for another query the
method would give others, so use this adapter for queries like these:

{fence}
{shown}{more}
{fence}

Ranks are concatenated, and the weights and scalings are in B, so that this adapter changes the
base by the weighted sum of its parts.

## Parts

The base is `{base.public_name}`{f" at `{source.revision}`" if source.revision else ""}
({_cell(base.license) or "license not said"}).

| adapter | SHA-256 of its weights | of its configuration | license |
|---|---|---|
{chr(10).join(rows)}

The licenses of the base and of all parts hold for this adapter, too.

## Weights

| layer | {names} |
|---|{"---|" * len(making.adapters)}
{table}

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("…")  # the same base
model = PeftModel.from_pretrained(base, "this folder")
```

Computed in {computed.dtype if computed else "unknown precision"} on
{computed.device if computed else "an unknown device"}, with {versions}.
"""


def _cell(text: str) -> str:
    """Text in a table of Markdown: one line, no markup."""
    plain = " ".join(text.split())
    return "".join(f"\\{one}" if one in "\\`*_[]<>|#" else one for one in plain)


def _backticks(text: str) -> int:
    longest = run = 0
    for one in text:
        run = run + 1 if one == "`" else 0
        longest = max(longest, run)
    return longest


def mean_weights(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean of the weights of several queries, `[layers, adapters]`."""
    return torch.stack(list(weights)).mean(dim=0)
