"""Loading a collection's base model and tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models.bases import bundled_base
from analysis.models.bases.base_files import check_base_files, check_quantization
from analysis.models.bases.bundled import DEFAULT_BASE
from analysis.models.bases.devices import check_device
from analysis.models.bases.loaded_weights import check_finite, check_loading
from analysis.models.bases.prepared_files import changed_files
from analysis.models.bases.silence import silent_transformers
from analysis.models.bases.text_model import text_model
from analysis.models.collection import Base

DTYPES = ("float32", "bfloat16")


def load_base(
    base: Base,
    progress: Progress | None = None,
    dtype: str = "float32",
    device: str | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Loads a base model, ready to be read from, on a GPU where there is one.

    Args:
        base: The base of a collection.
        progress: Told how far the loading is.
        dtype: One of `DTYPES`. float32 by default, on GPUs too: bfloat16 moves a weight of
            qa-FLoRA by 0.07 on average, and by up to 0.32.
        device: The device, such as `cpu`; by default the GPUs where there are any, or the CPU.

    Raises:
        InputError: The base cannot be loaded, or there is no such dtype or device.
    """
    if dtype not in DTYPES:
        raise InputError(f"There is no dtype {dtype!r}: take one of {', '.join(DTYPES)}.")
    if device is not None:
        check_device(device)
    location, revision = base.location, base.revision
    if base.source == "embedded":
        location = str(bundled_base.prepare(progress, location or DEFAULT_BASE))
    elif base.source == "folder":
        if not Path(location).is_dir():
            raise InputError(f"The base's folder {location} is not there: give one that is.")
        check_base_files(Path(location))
    source: dict[str, Any] = {
        "revision": revision,
        "trust_remote_code": False,
        "local_files_only": base.source != "hub",
    }
    try:
        with silent_transformers():
            config: Any = AutoConfig.from_pretrained(location, **source)
            check_quantization(getattr(config, "quantization_config", None))
            tokenizer = AutoTokenizer.from_pretrained(location, **source)
            model, info = _class_of(config).from_pretrained(
                location,
                use_safetensors=True,
                dtype=getattr(torch, dtype),
                device_map="auto" if device is None and torch.cuda.is_available() else device,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # named and refused below
                **source,
            )
    except InputError:
        raise
    except Exception as error:  # strange files raise errors of any type
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"The base model {location} cannot be loaded: {line.rstrip('.')}. Give the folder or "
            "the hub id of a causal language model, with its tokenizer and safetensors."
        ) from error
    changed = changed_files(Path(location)) if base.source == "embedded" else ()
    if base.source != "embedded" or changed:
        try:
            check_loading(info, model, config.get_text_config().num_hidden_layers)
            check_finite(model)
        except InputError as error:
            if not changed:
                raise
            raise InputError(
                f"{' and '.join(changed)} of the prepared base: changed and of no use ({error}) "
                f"{bundled_base.as_it_was(Path(location))}"
            ) from error
    _check_tokenizer(tokenizer, location)
    return text_model(model.eval()).requires_grad_(False), tokenizer


def _class_of(config: Any) -> Any:
    """The class to load: of language models, or of wrappers for images."""
    known = type(config) in AutoModelForCausalLM._model_mapping
    wrapper = type(config) in AutoModelForImageTextToText._model_mapping
    return AutoModelForImageTextToText if wrapper and not known else AutoModelForCausalLM


def _check_tokenizer(tokenizer: Any, location: str) -> None:
    """Refuses a tokenizer that was made of nothing, which has no words."""
    ids = tokenizer("A test, 12.", add_special_tokens=False)["input_ids"]
    if not ids or set(ids) <= {tokenizer.unk_token_id}:
        raise InputError(
            f"The tokenizer of the base model {location} knows no words: copy the files of its "
            "tokenizer there."
        )
