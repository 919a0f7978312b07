"""The files of a base in a folder, checked before transformers reads them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.models.bases.weights_header import read_weights_header
from analysis.models.peft_files.folder import is_lfs_pointer

_CHECKED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_TOKENIZERS = ("tokenizer.json", "*.model", "vocab.json", "vocab.txt", "tekken.json")


def check_base_files(folder: Path) -> None:
    """Refuses a folder with files that are cut off, stand for other files, or are missing.

    Raises:
        InputError: With the file and the remedy.
    """
    try:
        _check(folder)
    except OSError as error:
        raise InputError(
            f"The base's {error.filename or folder} cannot be read ({error.strerror}): make it "
            "readable."
        ) from error


def _check(folder: Path) -> None:
    for pattern in _CHECKED:
        for path in sorted(folder.glob(pattern)):
            if is_lfs_pointer(path):
                raise InputError(
                    f"The base's {path.name} is a pointer of Git LFS, not the file itself: "
                    "fetch the file with `git lfs pull`."
                )
    for path in sorted(folder.glob("*.safetensors")):
        header = read_weights_header(path)
        if not header.whole:
            raise InputError(
                f"The base's {path.name} is cut off or damaged ({header.size} bytes): fetch it "
                "again."
            )
    for path in sorted(folder.glob("*.safetensors.index.json")):
        parts = _json(path).get("weight_map", {})
        named = parts.values() if isinstance(parts, dict) else [f"a table of files in {path.name}"]
        lacking = sorted({str(part) for part in named} - {*_names(folder)})
        if lacking:
            raise InputError(
                f"The base's folder lacks {lacking[0]}, which {path.name} names: fetch the file."
            )
    if not (folder / "config.json").is_file():
        return  # no base at all, as transformers will say
    if not any(next(folder.glob(pattern), None) for pattern in _TOKENIZERS):
        raise InputError(
            f"The base's folder {folder} has no tokenizer: copy the files of its tokenizer there."
        )
    check_quantization(_json(folder / "config.json").get("quantization_config"))


def check_quantization(quantization: Any) -> None:
    """Refuses weights that are stored in a way that the engine does not read.

    Args:
        quantization: The `quantization_config` of a base's configuration, or None.

    Raises:
        InputError: The way is unknown, or its package is missing.
    """
    if not isinstance(quantization, dict):
        return
    method = quantization.get("quant_method") or (
        "bitsandbytes" if any(key.startswith("load_in_") for key in quantization) else "unknown"
    )
    if method != "bitsandbytes":
        raise InputError(
            f"The base is quantised by {method}, and only bitsandbytes is read: give the base in "
            "full precision."
        )
    if find_spec("bitsandbytes") is None:
        raise InputError(
            "The base is quantised by bitsandbytes, which is not installed: run `pip install "
            "bitsandbytes`, or give the base in full precision."
        )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none, which transformers will say."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
