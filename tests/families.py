"""Tiny configurations of many families of bases, two layers each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

_IDS = {"vocab_size": 480, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
_OLD_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
_TURNS = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
_GEMMA = {**_SIZES, **_TURNS, "head_dim": 8, "query_pre_attn_scalar": 8}
_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
_SHARED = {**_EXPERTS, "num_experts": 4, "shared_expert_intermediate_size": 24}
_LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 3,
    "layer_types": ["linear_attention", "full_attention"],
}
_MAMBA = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 4,
    "mamba_d_conv": 3,
    "mamba_expand": 2,
}
_SCALED = {"logits_scaling": 3.0, "residual_multiplier": 0.5, "embedding_multiplier": 2.0}

_FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _SIZES,
    "qwen2": _SIZES,
    "qwen3": {**_SIZES, "head_dim": 8},
    "smollm3": {**_SIZES, "no_rope_layers": [1, 0]},
    "olmo2": _SIZES,
    "gemma2": {**_GEMMA, "final_logit_softcapping": 3.0},
    "gemma3_text": _GEMMA,
    "granite": {**_SIZES, **_SCALED},
    "cohere": {**_SIZES, "logit_scale": 0.2},
    "phi3": _SIZES,
    "gpt_neox": _SIZES,
    "gpt2": _OLD_SIZES,
    "opt": {**_SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "mpt": {"d_model": 32, "n_heads": 4, "n_layers": 2, "expansion_ratio": 2, "max_seq_len": 128},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    # Mixtures of experts; the experts themselves hold no linears.
    "mixtral": {**_SIZES, "num_local_experts": 4},
    "qwen2_moe": {**_SIZES, **_SHARED, "decoder_sparse_step": 1},
    "granitemoeshared": {
        **_SIZES, **_SCALED, "num_local_experts": 4, "shared_intermediate_size": 24
    },
    # Attention beside linear attention, state spaces or convolutions.
    "lfm2": {**_SIZES, "layer_types": ["conv", "full_attention"], "conv_L_cache": 3},
    "qwen3_next": {**_SIZES, **_SHARED, **_LINEAR, "head_dim": 8},
    "qwen3_5_text": {**_SIZES, **_LINEAR, "head_dim": 8},
    "bamba": {**_SIZES, **_MAMBA, "attn_layer_indices": [1]},
    "falcon_h1": {
        **_SIZES, **_MAMBA, "mamba_d_ssm": 64, "head_dim": 8, "lm_head_multiplier": 0.3
    },
    "jamba": {
        **_SIZES,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_experts": 1,
        "mamba_d_state": 8,
        "mamba_d_conv": 3,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
    },
    # Refused: kept states give other numbers.
    "recurrent_gemma": {
        **_SIZES,
        "head_dim": 8,
        "lru_width": 32,
        "attention_window_size": 8,
        "block_types": ["recurrent", "attention"],
    },
}  # fmt: skip
FAMILIES = tuple(family for family in _FAMILIES if family != "recurrent_gemma")


def config(family: str) -> PretrainedConfig:
    """The configuration of a family."""
    made: PretrainedConfig = CONFIG_MAPPING[family](**{**_IDS, **_FAMILIES[family]})
    return made


def randomise(model: PreTrainedModel) -> None:
    """Gives a model random weights of which each matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.dim() == 1:
                parameter += 0.1 * noise
            else:
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)


def model(family: str, dtype: torch.dtype = torch.float64) -> PreTrainedModel:
    """A random model of a family."""
    # Grouped products of experts know no float64.
    made: PreTrainedModel = AutoModelForCausalLM.from_config(
        config(family), experts_implementation="eager"
    )
    randomise(made)
    return made.to(dtype).eval().requires_grad_(False)


def linears(model: PreTrainedModel) -> Sequence[str]:
    """The linears in the blocks: the name of each in its parent, and the parent's."""
    head = model.get_output_embeddings()
    return sorted(
        {
            ".".join(name.split(".")[-2:])
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | Conv1D)
            and module is not head
            # PEFT refuses the first for state spaces; the engine refuses the second.
            and not name.endswith(("mamba.out_proj", "mamba.dt_proj"))
            # PEFT takes these for the experts.
            and not (model.config.model_type == "qwen3_next" and "shared_expert." in name)
        }
    )
