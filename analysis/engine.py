"""The engine: owns the model and its lock; traces and answers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.adapters import Adapter, load_adapter
from analysis.base import load_base
from analysis.collection import Collection, PromptForm, choose_adapters
from analysis.decoding import AnswerText, End, Sampling, Step, Token, choose
from analysis.divergence import Divergence, measure
from analysis.errors import InputError
from analysis.lens import Head
from analysis.mixture import Mixture
from analysis.progress import Progress
from analysis.prompt import Message, Prompt, build_prompt
from analysis.rows import Row
from analysis.tokens import token_text
from analysis.trace import Trace


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; more is refused.

    Attributes:
        prompt_tokens: Of a prompt.
        new_tokens: Of each answer.
        rows: Answers side by side.
        adapters: In one trace.
    """

    prompt_tokens: int = 1024
    new_tokens: int = 512
    rows: int = 12
    adapters: int = 64


class Engine:
    """Runs one base model with its adapters, for any number of requests at once.

    One forward pass runs at a time; between two of them nothing of a request is left in the model,
    so requests may interleave at will.

    Args:
        model: The base model, in evaluation mode.
        tokenizer: Its tokenizer.
        adapters: The adapters, from `load_adapter`.
        prompt: The collection's prompt form, or None for the tokenizer's chat template.
        limits: The caps.

    Raises:
        InputError: The model is of a family whose parts cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter] = (),
        prompt: PromptForm | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._model = model
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._mixture = Mixture(model, adapters)
        self._blocks = _blocks(model, self._mixture.layers)
        self._head = Head.of(model)
        self._ends = _end_tokens(model, tokenizer)
        # One model: two forward passes at once would see each other's hooks.
        self._lock = threading.Lock()
        self._check_head()

    @classmethod
    def load(cls, collection: Collection, progress: Progress | None = None) -> Engine:
        """Loads a collection's base model and adapters.

        Raises:
            InputError: One of them cannot be used; the message says which and why.
        """
        report = progress or (lambda what, share: None)
        report("loading the base model", 0.0)
        model, tokenizer = load_base(collection.base, progress)
        adapters = []
        for index, entry in enumerate(collection.adapters):
            report(f"loading adapter {entry.name}", index / len(collection.adapters))
            adapters.append(load_adapter(model, entry))
        engine = cls(model, tokenizer, adapters, collection.prompt)
        report("ready", 1.0)
        return engine

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters."""
        return self._mixture.adapters

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._mixture.layers

    def prompt(self, query: str | Sequence[Message], *, plain: bool = False) -> Prompt:
        """What the model would read.

        Args:
            query: A query, or messages that end with the user's.
            plain: Put nothing around the query but a begin token.

        Raises:
            InputError: It cannot be read, or is too long.
        """
        with self._lock:  # tokenizers change their state while they work
            return build_prompt(
                self._tokenizer,
                self._prompt,
                query,
                plain=plain,
                most_tokens=self.limits.prompt_tokens,
            )

    def trace(
        self,
        query: str | Sequence[Message] | Prompt,
        adapters: Sequence[str] | None = None,
        *,
        plain: bool = False,
        progress: Progress | None = None,
    ) -> Trace:
        """Runs the base and each adapter on a query, as the rows of one forward pass.

        Args:
            query: A query, messages that end with the user's, or a prompt.
            adapters: Which to run; all by default.
            plain: Put nothing around the query but a begin token.
            progress: Told after each layer; what it raises stops the pass.

        Raises:
            InputError: The query or the adapters cannot be used.
        """
        chosen = self._chosen(adapters)
        prompt = query if isinstance(query, Prompt) else self.prompt(query, plain=plain)
        weights_RLK = torch.zeros(1 + len(chosen), self.layers, len(self.adapters))
        for row, name in enumerate(chosen, start=1):
            weights_RLK[row, :, self.adapters.index(name)] = 1.0
        rows = self._mixture.rows(weights_RLK)
        ids_RT = torch.tensor([prompt.ids]).expand(1 + len(chosen), -1)
        with self._lock, torch.inference_mode():
            began = time.perf_counter()
            with rows.on(), self._kept(prompt, progress) as kept:
                self._model.base_model(input_ids=ids_RT.to(self._model.device), use_cache=False)
        # Cloned outside, so that it is an ordinary tensor to whoever computes with it.
        hidden_RLPD = torch.stack(kept, dim=1).clone()
        for row, name in enumerate(chosen, start=1):
            # Exactly the base's, without the round-off of another place in the batch.
            first = self._mixture.first_layer_K[self.adapters.index(name)]
            hidden_RLPD[row, :first] = hidden_RLPD[0, :first]
        return Trace(prompt, chosen, hidden_RLPD, time.perf_counter() - began)

    def divergence(self, trace: Trace, lens: str = "norm", position: str = "query") -> Divergence:
        """The divergence of a trace's adapters; runs the LM head, not the model."""
        return measure(trace, self._head, lens, position)

    def answer(
        self,
        prompt: Prompt,
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] | None = None,
    ) -> Iterator[Step]:
        """Answers a prompt once for each row, in lock step.

        Nothing runs until the first step is asked for, and nothing runs on once no more are:
        closing the iterator leaves the model as it was.

        Args:
            prompt: What all rows read.
            rows: The rows' weights.
            new_tokens: The longest an answer may get.
            sampling: How tokens are chosen; the most probable by default.
            stop: Texts that end an answer; the collection's by default.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self._check_answer(prompt, rows, new_tokens)
        if stop is None:
            stop = self._prompt.stop if self._prompt and prompt.frame == "form" else ()
        return self._decode(prompt, rows, new_tokens, sampling or Sampling(), tuple(stop))

    def _decode(
        self,
        prompt: Prompt,
        rows: Sequence[Row],
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
    ) -> Iterator[Step]:
        weights_RLK = torch.stack([row.over(self.adapters) for row in rows])
        applied = self._mixture.rows(weights_RLK)
        texts = [AnswerText(self._tokenizer, stop) for _ in rows]
        generators = [torch.Generator().manual_seed(sampling.seed) for _ in rows]
        alive = list(range(len(rows)))
        cache = DynamicCache(config=self._model.config)
        ids_RT = torch.tensor([prompt.ids]).expand(len(rows), -1)
        for index in range(new_tokens):
            with self._lock, torch.inference_mode():
                with applied.on():
                    logits_RV = self._model(
                        input_ids=ids_RT.to(self._model.device),
                        past_key_values=cache,
                        use_cache=True,
                        logits_to_keep=1,
                    ).logits[:, -1]
                tokens = []
                for row, logits_V in zip(alive, logits_RV, strict=True):
                    token, probability = choose(logits_V, sampling, generators[row])
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
            ids_RT = torch.tensor([[tokens[place].id] for place in going])

    def _chosen(self, adapters: Sequence[str] | None) -> tuple[str, ...]:
        chosen = choose_adapters(adapters, self.adapters)
        if len(chosen) > self.limits.adapters:
            raise InputError(
                f"{len(chosen)} adapters are chosen, and at most {self.limits.adapters} run at "
                "once: choose fewer."
            )
        return chosen

    def _check_answer(self, prompt: Prompt, rows: Sequence[Row], new_tokens: int) -> None:
        limits = self.limits
        for what, value, least, most in (
            ("prompt tokens", len(prompt.ids), 1, limits.prompt_tokens),
            ("answers", len(rows), 1, limits.rows),
            ("new tokens", new_tokens, 1, limits.new_tokens),
        ):
            if not least <= value <= most:
                raise InputError(f"{value} {what} are asked for: ask for {least} to {most}.")
        for row in rows:
            for name in set(row.adapters) - set(self.adapters):
                raise InputError(f"Row {row.name} weighs an adapter {name!r} that is not there.")
            if row.weights_LK.shape[0] != self.layers:
                raise InputError(
                    f"Row {row.name} has weights for {row.weights_LK.shape[0]} layers, and the "
                    f"base has {self.layers}."
                )

    @contextmanager
    def _kept(self, prompt: Prompt, progress: Progress | None) -> Iterator[list[Tensor]]:
        """Collects each block's output at the kept positions, `[rows, positions, width]`."""
        places = [prompt.query_last, prompt.last]
        kept: list[Tensor] = []

        def keep(_: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            hidden_RTD = output if isinstance(output, Tensor) else output[0]
            kept.append(hidden_RTD[:, places].cpu())
            if progress is not None:
                progress("tracing", len(kept) / len(self._blocks))

        handles = [block.register_forward_hook(keep) for block in self._blocks]
        try:
            yield kept
        finally:
            for handle in handles:
                handle.remove()

    def _check_head(self) -> None:
        """Compares the norm lens on the last block with the model's own logits."""
        prompt = Prompt("", (0, 1), ("", ""), (False, False), 0, 1, "plain")
        with torch.inference_mode():
            with self._kept(prompt, None) as kept:
                ids_RT = torch.tensor([prompt.ids], device=self._model.device)
                own_V = self._model(input_ids=ids_RT).logits[0, -1].float()
            state_ND = self._head.norm(kept[-1][:, -1].float().to(own_V.device))
            lens_V, _ = self._head.finish(self._head.logits(state_ND)[0], torch.zeros(1, 1))
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
