"""The runner: owns the model and its lock; runs rows forward and decodes them."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.adapters import Adapter
from analysis.decoding import AnswerText, End, Sampling, Step, Token, choose
from analysis.errors import InputError
from analysis.lens import Head
from analysis.mixture import Mixture
from analysis.progress import Progress
from analysis.tokens import token_text

# Fewer tokens than this cost less to run again than to look after.
_LONG_FRAME = 16


@dataclass(frozen=True)
class _Frame:
    """The beginning of a prompt that was run.

    Attributes:
        ids: Its tokens.
        adapters: The adapters of the rows after the first.
        cache: The rows' keys and values; copied before use.
    """

    ids: tuple[int, ...]
    adapters: tuple[str, ...]
    cache: Cache


class Runner:
    """Runs one base model with its adapters, for any number of requests at once.

    One forward pass runs at a time; between two of them nothing of a request is left in the model,
    so requests may interleave at will.

    Args:
        model: The base model, in evaluation mode.
        tokenizer: Its tokenizer.
        adapters: The adapters, from `load_adapter`.

    Raises:
        InputError: The model is of a family whose parts cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter],
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._mixture = Mixture(model, adapters)
        self._blocks = _blocks(model, self._mixture.layers)
        self._ends = _end_tokens(model, tokenizer)
        self.head = Head.of(model)
        self._frame: _Frame | None = None
        # One model: two forward passes at once would see each other's hooks; and tokenizers
        # change their state while they work.
        self.lock = threading.Lock()
        self._check_head()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters, in the order of all weights."""
        return self._mixture.adapters

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._mixture.layers

    def hidden(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None = None,
        frame: int = 0,
        scales: Sequence[float] | None = None,
    ) -> Tensor:
        """Runs the base and each adapter alone, as the rows of one forward pass.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens whose states are kept.
            progress: Told after each layer; what it raises stops the pass.
            frame: How many tokens at the beginning are the same for every query, before all
                places. A long frame is run once and its keys and values are kept.
            scales: What each adapter's row weighs it by, 1 by default; not together with a frame.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        weights_RLK = torch.zeros(1 + len(adapters), self.layers, len(self.adapters))
        for row, name in enumerate(adapters, start=1):
            scale = 1.0 if scales is None else scales[row - 1]
            weights_RLK[row, :, self.adapters.index(name)] = scale
        rows = self._mixture.rows(weights_RLK)
        if frame < _LONG_FRAME or frame > min(places):
            frame = 0
        with self.lock, torch.inference_mode(), rows.on():
            done, cache = self._after_frame(tuple(ids), frame, tuple(adapters))
            with self._collected([place - done for place in places], progress) as collected:
                self._model.base_model(
                    input_ids=self._ids(ids[done:], 1 + len(adapters)),
                    cache=cache,
                    use_cache=cache is not None,
                )
        # Cloned outside, so that it is an ordinary tensor to whoever computes with it.
        hidden_RLPD = torch.stack(collected, dim=1).clone()
        for row, name in enumerate(adapters, start=1):
            # Exactly the base's, without the round-off of another place in the batch.
            first = self._mixture.first_layer_K[self.adapters.index(name)]
            if not bool(weights_RLK[row].any()):
                first = self.layers
            hidden_RLPD[row, :first] = hidden_RLPD[0, :first]
        return hidden_RLPD

    def _ids(self, ids: Sequence[int], rows: int) -> Tensor:
        return torch.tensor([list(ids)], device=self._model.device).expand(rows, -1)

    def _after_frame(
        self, ids: tuple[int, ...], frame: int, adapters: tuple[str, ...]
    ) -> tuple[int, Cache | None]:
        """How many tokens need not run again, and their keys and values under these rows."""
        if frame == 0:
            return 0, None
        kept = self._frame
        # The token at the seam may be cut otherwise for another query, so that frames differ by
        # one: any kept beginning serves.
        if kept is None or kept.adapters != adapters or kept.ids != ids[: len(kept.ids)]:
            cache = DynamicCache(config=self._model.config)
            self._model.base_model(
                input_ids=self._ids(ids[:frame], 1 + len(adapters)),
                cache=cache,
                use_cache=True,
            )
            kept = self._frame = _Frame(ids[:frame], adapters, cache)
        elif len(kept.ids) > frame:
            return 0, None
        return len(kept.ids), copy.deepcopy(kept.cache)

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
        texts = [AnswerText(self._tokenizer, stop) for _ in range(rows)]
        generators = [torch.Generator().manual_seed(sampling.seed) for _ in range(rows)]
        alive = list(range(rows))
        cache = DynamicCache(config=self._model.config)
        ids_RT = self._ids(ids, rows)
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
                    shown = token_text(self._tokenizer, token)
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

    @contextmanager
    def _collected(
        self, places: Sequence[int], progress: Progress | None
    ) -> Iterator[list[Tensor]]:
        """Collects each block's output at some places, `[rows, places, width]`."""
        collected: list[Tensor] = []

        def keep(_: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            hidden_RTD = output if isinstance(output, Tensor) else output[0]
            collected.append(hidden_RTD[:, list(places)].cpu())
            if progress is not None:
                progress("tracing", len(collected) / len(self._blocks))

        handles = [block.register_forward_hook(keep) for block in self._blocks]
        try:
            yield collected
        finally:
            for handle in handles:
                handle.remove()

    def _check_head(self) -> None:
        """Compares the norm lens on the last block with the model's own logits."""
        with torch.inference_mode():
            with self._collected([1], None) as collected:
                ids_RT = torch.tensor([[0, 1]], device=self._model.device)
                own_V = self._model(input_ids=ids_RT).logits[0, -1]
            own_V = own_V if own_V.dtype == torch.float64 else own_V.float()
            lens_V = self.head.output(self.head.norm(collected[-1][:, -1].to(own_V)))[0]
        if not torch.allclose(lens_V, own_V, rtol=0.05, atol=0.05 * float(own_V.abs().max())):
            raise InputError(
                f"{type(self._model).__name__}: its last block, final norm and LM head do not "
                "give its logits, so a lens would show something else. Choose another family."
            )


def _blocks(model: PreTrainedModel, layers: int) -> list[nn.Module]:
    for name, module in model.named_modules():
        named_so = re.search(r"(^|\.)(layers|h|blocks)$", name)
        if named_so and isinstance(module, nn.ModuleList) and len(module) == layers:
            return list(module)
    raise InputError(
        f"The {layers} blocks of {type(model).__name__} cannot be found: choose a causal language "
        "model of another family."
    )


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends: set[int] = set()
    configured = model.generation_config.eos_token_id if model.generation_config else None
    for value in (configured, tokenizer.eos_token_id):
        if isinstance(value, int):
            ends.add(value)
        elif value is not None:
            ends.update(value)
    return frozenset(ends)
