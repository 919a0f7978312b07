"""Loading a collection's base model and tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models import bundled_base
from analysis.models.manifest import Base
from analysis.models.progress_bars import no_progress_bars

DTYPES = ("float32", "bfloat16")


def load_base(
    base: Base,
    progress: Progress | None = None,
    dtype: str = "float32",
    device: str | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads a base model for reading: in evaluation mode, its parameters frozen.

    Args:
        base: The base.
        progress: Told each phase of the preparation.
        dtype: One of `DTYPES`. Early layers differ by less than bfloat16 can tell, so float32 is
            the default on every device.
        device: A device of torch, such as `cpu`; by default the GPUs, or the CPU where there is
            none.

    Raises:
        InputError: There is no such dtype, or the base cannot be loaded.
    """
    if dtype not in DTYPES:
        raise InputError(f"There is no dtype {dtype!r}: take one of {', '.join(DTYPES)}.")
    location, revision = base.location, base.revision
    if base.source == "embedded":
        location = str(bundled_base.prepare(progress))
    elif base.source == "folder" and not Path(location).is_dir():
        raise InputError(f"The base's folder {location} is not there: correct the manifest.")
    source: dict[str, Any] = {
        "revision": revision,
        "trust_remote_code": False,
        "local_files_only": base.source != "hub",
    }
    everywhere = device is None and torch.cuda.is_available()
    try:
        with no_progress_bars():  # `progress` is the one bar
            tokenizer = AutoTokenizer.from_pretrained(location, **source)
            model: Any = AutoModelForCausalLM.from_pretrained(
                location,
                use_safetensors=True,
                dtype=getattr(torch, dtype),
                device_map="auto" if everywhere else None,
                **source,
            )
            if device is not None:
                model = model.to(device)
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"The base model {location} cannot be loaded: {line}") from error
    model.eval().requires_grad_(False)
    return model, tokenizer


def dtype_of(model: PreTrainedModel) -> str:
    """The name of a model's dtype, such as `float32`."""
    return str(model.dtype).removeprefix("torch.")


def device_of(model: PreTrainedModel) -> str:
    """A model's devices for people: `CPU`, or the names of its GPUs."""
    devices = dict.fromkeys(parameter.device for parameter in model.parameters())
    return " and ".join(
        torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
        for device in devices
    )
