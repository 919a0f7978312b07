"""The inputs of linear modules in the base's row, taken while the model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ModuleInputs:
    """Keeps the inputs of some modules at some tokens, of the first row of a pass.

    Modules that share an input (such as queries, keys and values) share the kept tensor.

    Args:
        modules: The modules by name.
        places: The tokens, as places in the whole prompt, ascending.
    """

    def __init__(self, modules: Mapping[str, nn.Module], places: Sequence[int]) -> None:
        self._modules = modules
        self._places = places
        # Of each pass that had places, by its first token; modules in the order in which they ran.
        self._passes: dict[str, dict[int, Tensor]] = {}

    @property
    def by_module(self) -> dict[str, Tensor]:
        """Input of each module that ran, in running order, `[places, inputs]` on the CPU."""
        joined: dict[tuple[int, ...], Tensor] = {}
        found = {}
        for name, passes in self._passes.items():
            parts = list(passes.values())
            key = tuple(map(id, parts))
            if parts and key not in joined:
                joined[key] = parts[0] if len(parts) == 1 else torch.cat(parts)
            if parts:
                found[name] = joined[key]
        return found

    @contextmanager
    def collected(self, tokens: range) -> Iterator[None]:
        """Keeps the inputs while one pass runs.

        Args:
            tokens: The tokens that run in this pass; passes follow each other.
        """
        places = [place - tokens.start for place in self._places if place in tokens]
        last: list[Tensor] = []
        handles = []
        try:
            for name, module in self._modules.items() if places else ():
                handles.append(
                    module.register_forward_pre_hook(self._keep(name, tokens.start, places, last))
                )
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _keep(
        self, name: str, start: int, places: list[int], last: list[Tensor]
    ) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if not last or last[0] is not inputs[0]:
                # Cloned, so that the other tokens' inputs can go; outside of inference mode, so
                # that a method may compute gradients with them.
                with torch.inference_mode(False):
                    # Experts see all tokens as one list, which begins with those of the first row.
                    first = inputs[0] if inputs[0].dim() == 2 else inputs[0][0]
                    last[:] = [inputs[0], first[places].cpu().clone()]
            self._passes.setdefault(name, {})[start] = last[1]

        return keep


ReadModule = Callable[[str, Tensor, Tensor], None]
"""Takes a module's name, its input `[tokens, inputs]` and its output without bias `[tokens,
outputs]`, of the only row of a pass."""


@contextmanager
def modules_read(modules: Mapping[str, nn.Module], read: ReadModule) -> Iterator[None]:
    """Hands the inputs and outputs of some modules on while a pass of one row runs.

    Nothing is kept: a long prompt needs no more memory than a short one.

    Args:
        modules: The modules by name.
        read: Takes what each module reads and gives.
    """
    handles = []
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(_hook(name, read)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, read: ReadModule) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output_RTO: Tensor) -> None:
        bias_O = getattr(module, "bias", None)
        # Experts see all tokens as one list: here those of the only row.
        listed = inputs[0].dim() == 2
        x_TI, out_TO = (inputs[0], output_RTO) if listed else (inputs[0][0], output_RTO[0])
        read(name, x_TI, out_TO if bias_O is None else out_TO - bias_O)

    return hook
