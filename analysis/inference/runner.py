"""The runner: owns the model and its lock; runs rows forward and decodes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.inference.decoding import AnswerText, End, Sampling, Step, Token, choose
from analysis.inference.forward_passes import ForwardPasses
from analysis.inference.layer_states import collected
from analysis.inference.mixture import Mixture
from analysis.inference.prefixes import as_rows
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.lens import Head
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
        self._ends = _end_tokens(model) | vocabulary.end_tokens
        # One model: two forward passes at once would see each other's hooks.
        self.lock = threading.Lock()
        self._forward_passes = ForwardPasses(
            model,
            self._mixture,
            self.lock,
            limits.pass_tokens,
            ByteCache(limits.kept_bytes) if kept is None else kept,
        )
        self._check_head()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters, in the order of all weights."""
        return self._mixture.adapters

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
            progress: Told after each layer; what it raises stops the pass.
            prefix: How many tokens at the beginning are the same for every query, before all
                places. A long prefix runs once, and its keys and values are kept.
            scales: What each adapter's row weighs it by, 1 by default; not together with a prefix.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        return self._forward_passes.hidden(ids, adapters, places, progress, prefix, scales)

    def decode(
        self,
        ids: Sequence[int],
        weights_RLK: Tensor,
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
    ) -> Iterator[Step]:
        """Continues a prompt once for each row, in lock step.

        Args:
            ids: The prompt, the same for all rows.
            weights_RLK: The rows, `[rows, layers, adapters]`.
            new_tokens: The longest an answer may get, at least 1.
            sampling: How tokens are chosen.
            stop: Texts that end an answer.

        Yields:
            One step at a time; the lock is free between two of them.
        """
        rows = len(weights_RLK)
        applied = self._mixture.rows(weights_RLK)
        texts = [AnswerText(self._vocabulary, stop) for _ in range(rows)]
        generators = [torch.Generator().manual_seed(sampling.seed) for _ in range(rows)]
        alive = list(range(rows))
        cache = DynamicCache(config=self._model.config)
        ids_RT = as_rows(self._model, ids, rows)
        for index in range(new_tokens):
            with self.lock, torch.inference_mode():
                with applied.on():
                    output = self._model.base_model(input_ids=ids_RT, cache=cache, use_cache=True)
                logits_RV = self.head.output(output.last_hidden_state[:, -1])
                tokens = []
                chosen = choose(logits_RV, sampling, [generators[row] for row in alive])
                for row, (token, probability) in zip(alive, chosen, strict=True):
                    last = token in self._ends or index == new_tokens - 1
                    delta, stopped = texts[row].push(token, last)
                    end: End | None = "length" if last else None
                    if stopped:
                        end = "stop string"
                    elif token in self._ends:
                        end = "end token"
                    shown = self._vocabulary.token(token)
                    tokens.append(Token(row, token, shown, delta, probability, end))
                going = [place for place, token in enumerate(tokens) if token.end is None]
                if going and len(going) < len(alive):
                    # A row that has ended costs the others nothing.
                    cache.batch_select_indices(torch.tensor(going, device=self._model.device))
                    applied = self._mixture.rows(weights_RLK[[alive[place] for place in going]])
            yield Step(index, tuple(tokens))
            if not going:
                return
            alive = [alive[place] for place in going]
            ids_RT = torch.tensor(
                [[tokens[place].id] for place in going], device=self._model.device
            )

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


def _end_tokens(model: PreTrainedModel) -> frozenset[int]:
    configured = model.generation_config.eos_token_id if model.generation_config else None
    if configured is None:
        return frozenset()
    return frozenset([configured] if isinstance(configured, int) else configured)
