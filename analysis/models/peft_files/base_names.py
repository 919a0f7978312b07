"""Modules of an adapter's file in the base: by their names, or by the one way to rename them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from analysis.models.bases.layer_names import layer_number
from analysis.models.peft_files.faults import refusal, short

# Names of what stands around the layers of a text model, and means nothing by itself.
_AROUND = {
    "model", "language_model", "text_model", "transformer", "decoder", "gpt_neox", "backbone",
    "base_model", "llm",
}  # fmt: skip
_NO_TEXT = ("vision", "visual", "image", "audio", "speech", "video", "multi_modal", "mm_", "vit")
_OTHER_BASE = "it was made for another base model; give its own with --base"


def linear_sizes(module: nn.Module | None) -> tuple[int, int] | None:
    """Inputs and outputs of a linear module; None for any other."""
    if isinstance(module, Conv1D):
        inputs, outputs = module.weight.shape
        return int(inputs), int(outputs)
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    return None


def layer_linears(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The linears of the base's text layers by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if linear_sizes(module) is not None and layer_number(name) is not None
        and not _no_text(name)
    }  # fmt: skip


class Cores:
    """Names of the base by their core: the name without what wrappers put before it.

    Args:
        names: The names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, list[str]] = {}
        for name in names:
            self._names.setdefault(_core(name), []).append(name)

    def of(self, name: str) -> list[str]:
        """The base's names with the same core; more than one where it is ambiguous."""
        return self._names.get(_core(name), [])


def matched(adapter: str, names: Collection[str], model: PreTrainedModel) -> Mapping[str, str]:
    """For each module in an adapter's file its name in the base.

    A name that the base lacks is renamed where only one linear of the base has the same core.

    Raises:
        InputError: A module is not in the base, or not in its text layers, or it could be several.
    """
    modules = dict(model.named_modules())
    linears = layer_linears(model)
    cores = Cores(linears)
    found: dict[str, str] = {}
    for name in names:
        if name in linears:
            found[name] = name
        elif name in modules:
            raise _misplaced(adapter, name, modules[name], model)
        else:
            found[name] = _renamed(adapter, name, cores)
    twice, count = Counter(found.values()).most_common(1)[0] if found else ("", 0)
    if count > 1:
        raise refusal(
            adapter, f"two of its modules are {short(twice)[1:-1]} in this base: keep one of them."
        )
    return found


def _renamed(adapter: str, name: str, cores: Cores) -> str:
    if _no_text(name):
        raise _not_text(adapter, name)
    candidates = cores.of(name)
    if len(candidates) > 1:
        raise refusal(
            adapter,
            f"it acts on {short(name)[1:-1]}, which could be {' or '.join(candidates[:2])} here: "
            "rename its tensors to the base's names.",
        )
    if not candidates:
        experts = (
            ". Experts as modules of their own are the form before transformers 5: train on "
            "attention or on shared experts"
        )
        raise refusal(
            adapter,
            f"it acts on {short(name)[1:-1]}, and the base has no such linear module: {_OTHER_BASE}"
            f"{experts if '.experts.' in name else ''}.",
        )
    return candidates[0]


def _misplaced(adapter: str, name: str, module: nn.Module, model: PreTrainedModel) -> Exception:
    """Why a module of the base that is no linear of its text layers cannot have an adapter."""
    if isinstance(module, nn.Embedding) or module is model.get_output_embeddings():
        return refusal(
            adapter,
            f"it acts on {short(name)[1:-1]}, which belongs to no layer: a weight per layer "
            "cannot apply to it. Retrain it on the linears of the blocks.",
        )
    if _no_text(name):
        return _not_text(adapter, name)
    if linear_sizes(module) is not None:
        return refusal(
            adapter,
            f"it acts on {short(name)[1:-1]}, which belongs to no layer: retrain it on the "
            "linears of the blocks.",
        )
    return refusal(
        adapter,
        f"it acts on {short(name)[1:-1]}, and the base has no such linear module: {_OTHER_BASE}.",
    )


def _not_text(adapter: str, name: str) -> Exception:
    return refusal(
        adapter,
        f"it acts on {short(name)[1:-1]}, no part of the text model: retrain it on the language "
        "model's linears alone.",
    )


def _no_text(name: str) -> bool:
    return any(part.lower().startswith(_NO_TEXT) for part in name.split("."))


def _core(name: str) -> str:
    parts = name.split(".")
    while parts and parts[0] in _AROUND:
        parts = parts[1:]
    return ".".join(parts)
