"""Rules run slowly: whole matrices `ΔW`, one row, every token anew for every token of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.models.adapters import Factor

Deltas = Mapping[str, Mapping[str, Tensor]]
"""By name of the module, the whole `ΔW` of each adapter that covers it, `[outputs, inputs]`."""
Weigh = Callable[[str, Tensor], Mapping[str, Tensor]]
"""From a module's name and its input `[tokens, inputs]` to each adapter's weights `[tokens]`."""


def deltas_of(factors: Mapping[str, Mapping[str, Factor]]) -> Deltas:
    """The whole matrices of some adapters."""
    found: dict[str, dict[str, Tensor]] = {}
    for adapter, own in factors.items():
        for module, factor in own.items():
            a_rI, b_Or = factor.pair()
            found.setdefault(module, {})[adapter] = b_Or @ a_rI
    return found


def base_inputs(
    model: PreTrainedModel, ids: Sequence[int], modules: Sequence[str]
) -> Mapping[str, tuple[Tensor, Tensor]]:
    """Input and output of some modules in the base alone, `[tokens, inputs or outputs]` each."""
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: object, args: tuple[Tensor, ...], output: Tensor) -> None:
            found[name] = args[0][0].clone(), output[0].clone()

        return hook

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in modules]
    with torch.no_grad():
        model(torch.tensor([list(ids)]), use_cache=False)
    for handle in handles:
        handle.remove()
    return found


def slow_answer(
    model: PreTrainedModel, ids: Sequence[int], deltas: Deltas, weigh: Weigh, new_tokens: int
) -> list[int]:
    """The most probable continuation under a rule, without cache, padding and other rows."""
    ids = list(ids)
    count = len(ids)
    with torch.no_grad(), _ruled(model, deltas, weigh):
        for _ in range(new_tokens):
            ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[count:]


@contextmanager
def _ruled(model: PreTrainedModel, deltas: Deltas, weigh: Weigh) -> Iterator[None]:
    def add(name: str) -> Callable[..., Tensor]:
        def hook(_: object, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            (x_TI,) = args[0]
            for adapter, weight_T in weigh(name, x_TI).items():
                output = output + weight_T.unsqueeze(1) * (x_TI @ deltas[name][adapter].T)
            return output

        return hook

    handles = [model.get_submodule(name).register_forward_hook(add(name)) for name in deltas]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
