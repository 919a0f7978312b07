"""The engine: traces and answers, within its limits, and keeps what it has computed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.adapters import Adapter, load_adapter
from analysis.ahead import Ahead
from analysis.base import load_base
from analysis.cache import ByteCache
from analysis.cell import Cell, explain
from analysis.collection import Collection, PromptForm, choose_adapters
from analysis.decoding import Sampling, Step
from analysis.divergence import Divergence, measure, peak
from analysis.errors import InputError
from analysis.every import EveryToken
from analysis.lens import check_lens, read
from analysis.metrics import METRICS, check_metrics, measure_all
from analysis.progress import Progress
from analysis.prompt import Message, Prompt, build_prompt
from analysis.rows import Row
from analysis.runner import Runner
from analysis.sanity import COPIES, copy_name
from analysis.tokens import token_text
from analysis.trace import POSITIONS, Trace


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; more is refused.

    Attributes:
        prompt_tokens: Of a prompt.
        new_tokens: Of each answer.
        rows: Answers side by side.
        adapters: In one trace.
        every_token: Prompt tokens of a view of every token.
        kept_bytes: Of traces and what was read from them, kept for the next request.
    """

    prompt_tokens: int = 1024
    new_tokens: int = 512
    rows: int = 12
    adapters: int = 64
    every_token: int = 256
    kept_bytes: int = 256_000_000


# About what a cell holds: some tokens as text, some numbers each.
_CELL_BYTES = 8_000


class Engine:
    """Answers every question about one base model and its adapters, for any number of requests.

    What a request computed is kept, read-only, for the next one that asks the same.

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
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._runner = Runner(model, tokenizer, adapters)
        self.ahead = Ahead()
        self._kept = ByteCache(self.limits.kept_bytes)

    @classmethod
    def load(
        cls, collection: Collection, progress: Progress | None = None, dtype: str = "auto"
    ) -> Engine:
        """Loads a collection's base model and adapters.

        Args:
            collection: Which.
            progress: Told what is done.
            dtype: One of `base.DTYPES`.

        Raises:
            InputError: One of them cannot be used; the message says which and why.
        """
        report = progress or (lambda what, share: None)
        report("loading the base model", 0.0)
        model, tokenizer = load_base(collection.base, progress, dtype)
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
        return self._runner.adapters

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._runner.layers

    def prompt(self, query: str | Sequence[Message], *, plain: bool = False) -> Prompt:
        """What the model would read.

        Args:
            query: A query, or messages that end with the user's.
            plain: Put nothing around the query but a begin token.

        Raises:
            InputError: It cannot be read, or is too long.
        """
        with self._runner.lock:
            return build_prompt(
                self._tokenizer,
                self._prompt,
                query,
                plain=plain,
                most_tokens=self.limits.prompt_tokens,
            )

    def token(self, token_id: int) -> str:
        """A token as text for people; not escaped."""
        return token_text(self._tokenizer, token_id)

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
        key = (prompt, chosen)
        trace: Trace | None = self._kept.get(key)
        if trace is None:
            began = time.perf_counter()
            places = [prompt.query_last, prompt.last]
            with self.ahead.request():
                hidden_RLPD = self._runner.hidden(
                    prompt.ids, chosen, places, progress, frame=prompt.query_first
                )
            trace = Trace(prompt, chosen, hidden_RLPD, time.perf_counter() - began)
            self._kept.put(key, trace, hidden_RLPD.nbytes)
        return trace

    def copies(self, trace: Trace, adapter: str, progress: Progress | None = None) -> Trace:
        """Runs one adapter of a trace beside its zero, duplicate and doubled copies.

        One forward pass of five rows; the adapters that are loaded stay as they are. What
        `divergence` reads from it goes to `sanity.compare`.

        Args:
            trace: Whose prompt is run.
            adapter: Which adapter.
            progress: Told after each layer; what it raises stops the pass.

        Raises:
            InputError: The trace has no such adapter.
        """
        if adapter not in trace.adapters:
            raise InputError(
                f"There is no adapter {adapter!r}: take one of {', '.join(trace.adapters)}."
            )
        names = (adapter, *(copy_name(adapter, copy) for copy in COPIES))
        key = (trace.prompt, names)
        kept: Trace | None = self._kept.get(key)
        if kept is not None:
            return kept
        began = time.perf_counter()
        prompt = trace.prompt
        places = [prompt.query_last, prompt.last]
        scales = (1.0, *COPIES.values())
        with self.ahead.request():
            hidden_RLPD = self._runner.hidden(
                prompt.ids, (adapter,) * len(scales), places, progress, scales=scales
            )
        copies = Trace(prompt, names, hidden_RLPD, time.perf_counter() - began)
        self._kept.put(key, copies, hidden_RLPD.nbytes)
        return copies

    def divergence(
        self,
        trace: Trace,
        lens: str = "norm",
        position: str = "query",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> Divergence:
        """The divergence of a trace's adapters; runs the LM head at most, never the model.

        KL is computed on its own. The first other metric computes all of them in one pass, so
        that changing between them costs nothing; after `read_ahead` it does not either.

        Args:
            trace: From `trace`.
            lens: One of `lens.LENSES`.
            position: One of `trace.POSITIONS`.
            metric: One of `metrics.METRICS`.
            progress: Told after each layer; what it raises stops the work.

        Raises:
            InputError: There is no such lens, position or metric.
        """
        key = (trace.prompt, trace.adapters, lens, position)
        kept: Divergence | None = self._kept.get((*key, metric))
        if kept is not None:
            return kept
        metrics = ("kl",) if metric == "kl" else (metric, *(set(METRICS) - {metric}))
        with self.ahead.request():
            return self._measure(trace, lens, position, metrics, progress)

    def _measure(
        self,
        trace: Trace,
        lens: str,
        position: str,
        metrics: Sequence[str],
        progress: Progress | None,
    ) -> Divergence:
        """Computes and keeps some metrics; gives the first."""
        results = measure(trace, self._runner.head, lens, position, metrics, progress)
        for result in results:
            key = (trace.prompt, trace.adapters, lens, position, result.metric)
            self._kept.put(key, result, result.values_LK.nbytes)
        return results[0]

    def read_ahead(self, trace: Trace, lens: str, layer: int, adapter: str) -> None:
        """Reads in the background what is likely to be looked at next.

        That is every metric at every kept position through the lens, and one cell at every
        position. It runs the LM head only, and rests while any request of the engine runs.

        Args:
            trace: From `trace`.
            lens: The lens that is looked through.
            layer: The layer that is looked into.
            adapter: The adapter that is looked into.

        Raises:
            InputError: There is no such lens, layer or adapter.
        """
        check_lens(lens)
        self._check_cell(trace, layer, adapter)

        def job(step: Progress) -> None:
            for position in POSITIONS:
                step("reading ahead", 0.0)
                self._explain(trace, layer, adapter, lens, position)
            for position in POSITIONS:
                key = (trace.prompt, trace.adapters, lens, position)
                if any(self._kept.get((*key, metric)) is None for metric in METRICS):
                    self._measure(trace, lens, position, tuple(METRICS), step)

        self.ahead.put(job)

    def cell(
        self, trace: Trace, layer: int, adapter: str, lens: str = "norm", position: str = "query"
    ) -> Cell:
        """Looks into one cell of a trace; runs the LM head on two states.

        Raises:
            InputError: There is no such layer, adapter, lens or position.
        """
        self._check_cell(trace, layer, adapter)
        with self.ahead.request():
            return self._explain(trace, layer, adapter, lens, position)

    def _explain(self, trace: Trace, layer: int, adapter: str, lens: str, position: str) -> Cell:
        key = (trace.prompt, trace.adapters, lens, position, layer, adapter)
        kept: Cell | None = self._kept.get(key)
        if kept is not None:
            return kept
        rows = [0, 1 + trace.adapters.index(adapter)]
        states_RD = trace.at(position)[rows, layer]
        cell = explain(states_RD, self._runner.head, lens, layer, adapter, self.token)
        self._kept.put(key, cell, _CELL_BYTES)
        return cell

    @staticmethod
    def _check_cell(trace: Trace, layer: int, adapter: str) -> None:
        if not 0 <= layer < trace.layers or adapter not in trace.adapters:
            raise InputError(
                f"There is no cell at layer {layer!r} and adapter {adapter!r}: layers are 0 to "
                f"{trace.layers - 1}, adapters {', '.join(trace.adapters)}."
            )

    def every_token(
        self,
        prompt: Prompt,
        adapters: Sequence[str] | None = None,
        lens: str = "norm",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> EveryToken:
        """The divergence at every token of a prompt.

        Runs the model once and the LM head on every state: seconds to minutes.

        Raises:
            InputError: The prompt is too long for it, or a name is not there.
        """
        chosen = self._chosen(adapters)
        count = len(prompt.ids)
        if count > self.limits.every_token:
            raise InputError(
                f"The prompt has {count} tokens, and a view of every token takes at most "
                f"{self.limits.every_token}: shorten the query."
            )
        key = (prompt, chosen, lens, metric, "every token")
        kept: EveryToken | None = self._kept.get(key)
        if kept is not None:
            return kept
        check_lens(lens)
        check_metrics((metric,))
        with self.ahead.request():
            every = self._every_token(prompt, chosen, lens, metric, progress)
        self._kept.put(key, every, every.values_LKT.nbytes + every.peak_LT.nbytes)
        return every

    def _every_token(
        self,
        prompt: Prompt,
        chosen: tuple[str, ...],
        lens: str,
        metric: str,
        progress: Progress | None,
    ) -> EveryToken:
        count = len(prompt.ids)
        hidden_RLTD = self._runner.hidden(prompt.ids, chosen, range(count), progress)
        values_LKT = torch.zeros(self.layers, len(chosen), count, dtype=torch.float64)
        peak_LT = torch.zeros(self.layers, count, dtype=torch.float64)
        for token in range(count):
            for layer, base_V, shift_KV in read(hidden_RLTD[:, :, token], self._runner.head, lens):
                values_LKT[layer, :, token] = measure_all((metric,), base_V, shift_KV)[0].cpu()
                peak_LT[layer, token] = peak(base_V)
            if progress is not None:
                progress(f"reading token {token + 1} of {count}", (token + 1) / count)
        return EveryToken(prompt, chosen, values_LKT, peak_LT, lens, metric)

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
        weights_RLK = torch.stack([row.over(self.adapters) for row in rows])
        steps = self._runner.decode(
            prompt.ids, weights_RLK, new_tokens, sampling or Sampling(), tuple(stop)
        )
        return self._answering(steps)

    def _answering(self, steps: Iterator[Step]) -> Iterator[Step]:
        with self.ahead.request():
            yield from steps

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
