"""The runner: owns the model and its lock; runs rows forward and decodes them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.inference.decoding.lock_step import Decoding, DecodingModel
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.forward_passes import ForwardPasses, PassStates
from analysis.inference.head import Head
from analysis.inference.layer_states import collected
from analysis.inference.likelihood import answer_losses
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import Policy
from analysis.inference.vocabulary import Vocabulary
from analysis.models.adapters import Adapter


class ModelRunner:
    """Runs one base model with its adapters, for any number of requests at once.

    One forward pass runs at a time; between two of them nothing of a request is left in the model,
    so requests may interleave at will.

    Args:
        model: The base model, in evaluation mode.
        vocabulary: Its tokenizer, behind a lock.
        adapters: The adapters, from `load_adapter`.
        limits: The caps; of them only `pass_tokens` and `kept_bytes` matter here.
        kept: Where the beginning of a prompt is kept; a cache of its own by default.

    Raises:
        InputError: The model is of a family whose parts cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        vocabulary: Vocabulary,
        adapters: Sequence[Adapter],
        limits: Limits | None = None,
        kept: ByteCache | None = None,
    ) -> None:
        limits = limits or Limits()
        self._model = model
        self._vocabulary = vocabulary
        self.head = Head.of(model)
        self._mixture = Mixture(model, adapters, self.head.transposed)
        # One model: two forward passes at once would see each other's hooks.
        self.lock = threading.Lock()
        self._forward_passes = ForwardPasses(
            model,
            self._mixture,
            self.lock,
            limits.pass_tokens,
            ByteCache(limits.kept_bytes) if kept is None else kept,
        )
        ends = _end_tokens(model) | vocabulary.end_tokens
        self._decoding = DecodingModel(model, vocabulary, self.head, self._mixture, ends, self.lock)
        self._check_head()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters, in the order of all weights."""
        return self._mixture.adapters

    @property
    def dtype(self) -> str:
        """Precision of the base model, such as `float32`."""
        return str(self._model.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Kind of the device that the base model runs on, such as `cpu`."""
        return self._model.device.type

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._mixture.layers

    def token_bytes(self, rows: int) -> int:
        """Bytes of one token's states after all blocks, of so many rows."""
        return rows * self.layers * self.head.weight_VD.shape[1] * self._model.dtype.itemsize

    def hidden(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None = None,
        prefix: int = 0,
        scales: Sequence[float] | None = None,
    ) -> Tensor:
        """Runs the base and each adapter alone, as rows.

        They share one forward pass; where a CPU is slower with so many tokens at a time, several.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens whose states are kept.
            progress: Told after each layer; an exception that it raises stops the pass.
            prefix: How many tokens at the beginning are the same for every query, before all
                places. A long prefix runs once, and its keys and values are kept.
            scales: Weight of each adapter in its row, 1 by default; not together with a prefix.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        return self._forward_passes.run(
            ids, adapters, places, progress, prefix, scales, with_inputs=False
        ).hidden_RLPD

    def trace(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None = None,
        prefix: int = 0,
        scales: Sequence[float] | None = None,
    ) -> PassStates:
        """As `hidden`, and keeps the inputs of the adapted modules in the base's row, too."""
        return self._forward_passes.run(
            ids, adapters, places, progress, prefix, scales, with_inputs=True
        )

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        policies: Sequence[Policy],
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
    ) -> Decoding:
        """Continues prompts, one row each, in lock step.

        Args:
            prompts: Token ids of each row's prompt.
            policies: Each row's policy.
            new_tokens: The most tokens of an answer, at least 1.
            sampling: How tokens are chosen.
            stop: Texts that end an answer.

        Returns:
            An iterator over steps; the lock is held only while the model runs.
        """
        return Decoding(self._decoding, prompts, policies, new_tokens, sampling, stop)

    def answer_losses(
        self,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        policies: Sequence[Policy],
        *,
        differentiable: bool = False,
    ) -> list[Tensor]:
        """The cross-entropy of given answers, token by token, one row each.

        See `likelihood.answer_losses`.
        """
        with self.lock:
            return answer_losses(
                self._decoding, prompts, answers, policies, differentiable=differentiable
            )

    def mean_state(self, ids: Sequence[int], places: slice) -> Tensor:
        """The base's last-layer state after the final norm, the mean over some tokens.

        Args:
            ids: The prompt up to the last of these tokens.
            places: The tokens.

        Returns:
            `[width]` in float64, on the CPU.
        """
        with self.lock, torch.inference_mode():
            states_RTD = self._model.base_model(
                input_ids=torch.tensor([list(ids)], device=self._model.device), use_cache=False
            ).last_hidden_state
            mean_D: Tensor = states_RTD[0, places].double().mean(dim=0)
        return mean_D.cpu().clone()

    def output_norms(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """`‖W x‖` of adapted modules in the base alone, without bias.

        Args:
            inputs: Inputs of each module, `[n, inputs]` by name.

        Returns:
            `[n]` by name of the module, on the CPU in float32 or better.
        """
        norms = {}
        # The lock: another request's rows must not be on the modules.
        with self.lock, torch.inference_mode():
            for name, x_NI in inputs.items():
                module = self._mixture.modules[name]
                output_NO = module(x_NI.to(_device_of(module)))
                bias_O = getattr(module, "bias", None)
                if bias_O is not None:
                    output_NO = output_NO - bias_O
                precise = output_NO.dtype == torch.float64
                norm_N = (output_NO if precise else output_NO.float()).norm(dim=-1).cpu()
                with torch.inference_mode(False):
                    norms[name] = norm_N.clone()
        return norms

    def _check_head(self) -> None:
        """Compares the norm lens on the last block with the model's own logits."""
        with torch.inference_mode():
            with collected(self._forward_passes.blocks, [1]) as states:
                ids_RT = torch.tensor([[0, 1]], device=self._model.device)
                own_V = self._model(input_ids=ids_RT).logits[0, -1]
            own_V = own_V if own_V.dtype == torch.float64 else own_V.float()
            lens_V = self.head.output(self.head.norm(states[-1][:, -1].to(own_V)))[0]
        if not torch.allclose(lens_V, own_V, rtol=0.05, atol=0.05 * float(own_V.abs().max())):
            raise InputError(
                f"{type(self._model).__name__}: its last block, final norm and LM head do not "
                "give its logits, so a lens would show something else. Choose another family."
            )


def _device_of(module: nn.Module) -> torch.device:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.device


def _end_tokens(model: PreTrainedModel) -> frozenset[int]:
    configured = model.generation_config.eos_token_id if model.generation_config else None
    if configured is None:
        return frozenset()
    return frozenset([configured] if isinstance(configured, int) else configured)
