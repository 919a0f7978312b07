"""The text model inside a wrapper for images or sound, as a causal language model of its own."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from analysis.common.errors import InputError

_IDS = (0, 1, 2, 3)


def text_model(model: PreTrainedModel) -> PreTrainedModel:
    """The causal language model inside a model, with the same weights.

    Vision and audio towers are left out, so that layers and modules have the names of the text
    model, and one plain pass must give the logits of the wrapper.

    Args:
        model: A causal language model, or a wrapper such as `Gemma3ForConditionalGeneration`.

    Returns:
        The model itself where it is no wrapper.

    Raises:
        InputError: The text model cannot be taken out.
    """
    text: Any = model.config.get_text_config()
    if text is model.config:
        return model
    refusal = InputError(
        f"{type(model).__name__} is a wrapper whose text model cannot be taken out: give a base "
        "that is a causal language model alone."
    )
    kind: Any = AutoModelForCausalLM._model_mapping.get(type(text), None)
    inner: Any = getattr(model.base_model, "language_model", None)
    head = model.get_output_embeddings()
    if kind is None or head is None or not isinstance(inner, PreTrainedModel):
        raise refusal
    with torch.device("meta"):
        alone: PreTrainedModel = kind(text)
    if type(alone.base_model) is not type(inner):
        raise refusal
    setattr(alone, alone.base_model_prefix, inner)
    alone.set_output_embeddings(head)
    alone.generation_config = model.generation_config
    if any(value.is_meta for value in alone.parameters()) and not hasattr(model, "hf_device_map"):
        raise refusal
    alone.eval()
    with torch.inference_mode():
        ids_RT = torch.tensor([_IDS], device=model.device)
        expected_TV = model.eval()(input_ids=ids_RT, use_cache=False).logits[0].float()
        found_TV = alone(input_ids=ids_RT, use_cache=False).logits[0].float()
    if not torch.allclose(found_TV, expected_TV, atol=1e-3 * float(expected_TV.abs().max())):
        raise refusal
    return alone
