"""An adapter's origin: the base that it was trained on, against the base that is loaded."""

from __future__ import annotations

import re
from typing import Literal

from analysis.models.peft_files.faults import short

Relation = Literal["same", "quantised", "other", "unknown"]

# Parts of a name that tell how weights are stored, or that the model is the pretrained one.
_STORAGE = re.compile(
    r"unsloth|bnb|[248]bit|gptq|awq|int[48]|fp8|fp16|bf16|float16|bfloat16|float32|gguf|hf"
    r"|q[2-8](_[a-z0-9]+)*|mlx|nf4|[0-9a-f]{8}"
)
_PRETRAINED = {"pt", "base"}


def base_name(written: object) -> str:
    """The name of a base that an adapter names, without the place that it had on a machine.

    Args:
        written: A hub id, or a folder on whatever machine the adapter was trained on. Anything else
            is no name.
    """
    if not isinstance(written, str):
        return ""
    parts = [part for part in re.split(r"[\\/]+", written) if part]
    absolute = written[:1] in ("/", "\\", "~", ".") or re.match(r"[A-Za-z]:", written)
    if not parts or not (absolute or len(parts) > 2):
        return written
    # The hub's cache: `models--owner--name/snapshots/COMMIT`.
    cached = [part for part in parts if part.startswith("models--")]
    return cached[-1].removeprefix("models--").replace("--", "/", 1) if cached else parts[-1]


def base_relation(trained: str, loaded: str) -> Relation:
    """Whether two names of a base mean the same one.

    Args:
        trained: The name in the adapter's configuration; empty where it has none.
        loaded: Name, hub id or folder of the base that is loaded; empty where it has none.

    Returns:
        `quantised` where the adapter was trained on a copy with fewer bits; `unknown` where one of
        the names tells nothing.
    """
    one, other = _parts(trained), _parts(loaded)
    if not one or not other or re.fullmatch(r"[0-9a-f]{40}", other[0]):
        return "unknown"
    if one == other:
        return "same"
    if _model(one) != _model(other):
        return "other"
    return "same" if not set(one) - set(other) - _PRETRAINED else "quantised"


def base_remark(trained: str, loaded: str) -> str:
    """A sentence on the base that an adapter was trained on; empty if there is none to say."""
    relation = base_relation(trained, loaded)
    name = short(trained)[1:-1]
    if relation == "quantised":
        return (
            f"It was trained on {name}, a copy of this base in another precision: its effect "
            "here differs a little."
        )
    if relation == "other":
        own = short(loaded.rstrip("/").rpartition("/")[2])[1:-1]
        return (
            f"It was trained on {name}, and this base is called {own}: if they are not the same, "
            "its numbers mean little."
        )
    return ""


def _parts(name: str) -> list[str]:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return [part for part in last.split("-") if part]


def _model(parts: list[str]) -> list[str]:
    return [part for part in parts if part not in _PRETRAINED and not _STORAGE.fullmatch(part)]
