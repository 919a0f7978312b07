"""Reads of the base alone: of its last states, and of the modules that adapters cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.inference.passes.module_inputs import ReadModule, modules_read
from analysis.inference.scheduling.scheduler import Scheduler
from analysis.models.bases.devices import device_of


class BaseReads:
    """Runs a base without its adapters.

    Args:
        model: The base model, in evaluation mode.
        modules: The linears that adapters cover, by name.
        scheduler: Runs each read as a piece: no rows of a request are on the modules meanwhile.
    """

    def __init__(
        self, model: PreTrainedModel, modules: Mapping[str, nn.Module], scheduler: Scheduler
    ) -> None:
        self._model = model
        self._modules = modules
        self._scheduler = scheduler

    def mean_state(self, ids: Sequence[int], places: slice) -> Tensor:
        """The base's last-layer state after the final norm, the mean over some tokens.

        Args:
            ids: The prompt up to the last of these tokens.
            places: The tokens.

        Returns:
            `[width]` in float64, on the CPU.
        """
        ids_RT = torch.tensor([list(ids)], device=self._model.device)

        @torch.inference_mode()
        def mean() -> Tensor:
            output = self._model.base_model(input_ids=ids_RT, use_cache=False)
            mean_D: Tensor = output.last_hidden_state[0, places].double().mean(dim=0)
            return mean_D

        return self._scheduler.run(mean).cpu().clone()

    def read_modules(self, ids: Sequence[int], read: ReadModule) -> None:
        """Runs the base alone on a prompt, and hands its adapted modules' inputs and outputs on.

        Args:
            ids: The prompt.
            read: Takes what each module reads and gives, module by module.
        """
        ids_1T = torch.tensor([list(ids)], device=self._model.device)

        def run() -> None:
            with torch.inference_mode(), modules_read(self._modules, read):
                self._model.base_model(input_ids=ids_1T, use_cache=False)

        self._scheduler.run(run)

    def outputs(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """`W x` of adapted modules in the base alone, without bias.

        Args:
            inputs: Inputs of each module, `[n, inputs]` by name.

        Returns:
            `[n, outputs]` by name of the module, on the CPU in float32 or better.
        """
        return self._scheduler.run(partial(self._outputs, inputs)) if inputs else {}

    def _outputs(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        outputs = {}
        with torch.inference_mode():
            for name, x_NI in inputs.items():
                module = self._modules[name]
                output_NO = module(x_NI.to(device_of(module)))
                bias_O = getattr(module, "bias", None)
                if bias_O is not None:
                    output_NO = output_NO - bias_O
                precise = output_NO.dtype == torch.float64
                output_NO = (output_NO if precise else output_NO.float()).cpu()
                with torch.inference_mode(False):
                    outputs[name] = output_NO.clone()
        return outputs
