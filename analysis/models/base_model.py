"""Loading a collection's base model and tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models import bundled_base
from analysis.models.manifest import Base

DTYPES = ("auto", "float32", "bfloat16")


def load_base(
    base: Base, progress: Progress | None = None, dtype: str = "auto"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads a base model, ready to be read from.

    Args:
        base: Which.
        progress: Told what is done.
        dtype: One of `DTYPES`; `auto` is bfloat16 on a GPU and float32 on the CPU, where early
            layers differ by less than bfloat16 can tell.

    Raises:
        InputError: It cannot be loaded.
    """
    if dtype not in DTYPES:
        raise InputError(f"There is no dtype {dtype!r}: take one of {', '.join(DTYPES)}.")
    location, revision = base.location, base.revision
    if base.source == "embedded":
        location = str(bundled_base.prepare(progress))
    elif base.source == "folder" and not Path(location).is_dir():
        raise InputError(f"The base's folder {location} is not there: correct the manifest.")
    gpu = torch.cuda.is_available()
    precision = ("bfloat16" if gpu else "float32") if dtype == "auto" else dtype
    disable_progress_bar()  # `progress` is the one bar
    local = base.source != "hub"
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            location, revision=revision, trust_remote_code=False, local_files_only=local
        )
        model = AutoModelForCausalLM.from_pretrained(
            location,
            revision=revision,
            trust_remote_code=False,
            local_files_only=local,
            use_safetensors=True,
            dtype=getattr(torch, precision),
            device_map="auto" if gpu else None,
        )
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"The base model {location} cannot be loaded: {line}") from error
    return model.eval().requires_grad_(False), tokenizer
