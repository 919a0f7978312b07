"""Adapters of random numbers: the cost of a pass does not depend on the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.models.adapters import Adapter, Factor
from analysis.models.collection import AdapterEntry

# ΔW is then as large as in the bundled adapters at every rank: 5e-4 root mean square.
_STRENGTH = 0.02


def make_adapters(model: PreTrainedModel, count: int, rank: int) -> list[Adapter]:
    """Random adapters on all linears of the blocks, about as strong as trained ones.

    Args:
        model: The base; it is not changed.
        count: The number of adapters.
        rank: The rank of each.

    Raises:
        InputError: The base has no ordinary linears.
    """
    head = model.get_output_embeddings()
    linears = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    if not linears:
        raise InputError(f"{type(model).__name__} has no linears that adapters could be made for.")
    generator = torch.Generator().manual_seed(0)

    def factor(linear: nn.Linear) -> Factor:
        a_rI = torch.empty(rank, linear.in_features)
        b_Or = torch.empty(linear.out_features, rank)
        bound = linear.in_features**-0.5
        a_rI.uniform_(-bound, bound, generator=generator)
        b_Or.normal_(std=_STRENGTH / rank**0.5, generator=generator)
        return Factor(a_rI.to(linear.weight), b_Or.to(linear.weight))

    return [
        Adapter(
            AdapterEntry(f"adapter-{index}", f"Adapter {index}", "other", Path()),
            {name: factor(linear) for name, linear in linears.items()},
        )
        for index in range(count)
    ]


def as_peft(base: PreTrainedModel, adapters: Sequence[Adapter], rank: int) -> PeftModel:
    """The same adapters as PEFT has them.

    Args:
        base: A base of its own: PEFT changes its modules.
        adapters: From `make_adapters`.
        rank: The rank of each.
    """
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(adapters[0].factors))
    model = get_peft_model(base, config, adapter_name=adapters[0].name)
    assert isinstance(model, PeftModel)
    for adapter in adapters[1:]:
        model.add_adapter(adapter.name, config)
    layers = dict(model.get_base_model().named_modules())
    for adapter in adapters:
        for name, factor in adapter.factors.items():
            layer = layers[name]
            assert isinstance(layer, LoraLayer)
            layer.lora_A[adapter.name].load_state_dict({"weight": factor.a_rI})
            layer.lora_B[adapter.name].load_state_dict({"weight": factor.b_Or})
    return model.eval().requires_grad_(False)
