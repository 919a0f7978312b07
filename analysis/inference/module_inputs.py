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
        places: The tokens, as places in the whole prompt.
    """

    def __init__(self, modules: Mapping[str, nn.Module], places: Sequence[int]) -> None:
        self._modules = modules
        self._places = places
        self.by_module: dict[str, Tensor] = {}
        """Input of each module, `[places, inputs]` on the CPU."""

    @contextmanager
    def collected(self, done: int) -> Iterator[None]:
        """Keeps the inputs while one pass runs.

        Args:
            done: Tokens at the beginning of the prompt that do not run in this pass.
        """
        places = [place - done for place in self._places]
        last: list[Tensor] = []
        handles = []
        try:
            for name, module in self._modules.items():
                handles.append(module.register_forward_pre_hook(self._keep(name, places, last)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _keep(
        self, name: str, places: list[int], last: list[Tensor]
    ) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if not last or last[0] is not inputs[0]:
                # Cloned, so that the other tokens' inputs can go; outside of inference mode, so
                # that a method may compute gradients with them.
                with torch.inference_mode(False):
                    last[:] = [inputs[0], inputs[0][0, places].cpu().clone()]
            self.by_module[name] = last[1]

        return keep
