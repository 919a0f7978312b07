"""Answers prompts with rows, and scores given answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.checks.prompt_check import check_stop_texts
from analysis.inference.decoding.answering import Answering, Decoding
from analysis.inference.decoding.answers import Answer, answer_all
from analysis.inference.decoding.next_tokens import NextToken
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.policies import Policy
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.inference.sharing.running_rows import RequestedRows
from analysis.measure.relevance.relevance_tracer import RelevanceTracer


class Answerer(RelevanceTracer):
    """A tracer that also answers, each row with weights or a rule of its own."""

    def answer(
        self,
        prompt: Prompt,
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Answering:
        """Answers a prompt once for each row, in lock step.

        Nothing runs until the first step is asked for, and nothing runs on once no more are:
        closing the iterator leaves the model as it was.

        Args:
            prompt: The prompt of all rows.
            rows: The rows.
            new_tokens: The longest an answer may get.
            sampling: How tokens are chosen; the most probable by default.
            stop: Texts that end an answer; the collection's by default.
            progress: Told now and then while the answers wait to begin, for memory or for others
                who ask the same; an exception that it raises ends them.

        Returns:
            An iterator over steps that also knows the weights each row had.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self.limits.check_answer(len(prompt.ids), len(rows), new_tokens)
        check_stop_texts(self._vocabulary, stop or ())
        asked = RequestedRows(
            (prompt.ids,) * len(rows),
            tuple(self._policies(rows)),
            new_tokens,
            sampling or Sampling(),
            self._stop(prompt) if stop is None else tuple(stop),
        )
        return Answering(self._decode(asked, progress), self.background)

    def _decode(self, asked: RequestedRows, progress: Progress | None) -> Decoding:
        """Runs the model for answers, from the first step that is asked for.

        A subclass may have an equal answerer decode in another process: what is asked can be
        pickled.
        """
        return self._runner.decode(asked, partial(_wait, progress, "waiting to answer"))

    def next_tokens(
        self,
        prompt: Prompt,
        said: Sequence[int],
        rows: Sequence[Row],
        count: int = 5,
        also: Sequence[int] = (),
        progress: Progress | None = None,
    ) -> list[tuple[NextToken, ...]]:
        """What rows would say next, after the same beginning of an answer; one forward pass.

        Args:
            prompt: The prompt of all rows.
            said: Token ids of the beginning that all rows have said.
            rows: The rows.
            count: How many of the most probable tokens of each row.
            also: Token ids that each row gives in any case.
            progress: Told now and then while it waits; an exception that it raises stops the work.

        Returns:
            For each row its tokens, the most probable first.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self.limits.check_answer(len(prompt.ids), len(rows), len(said) + 1)
        policies = self._policies(rows)
        with self.background.paused():
            ids = (*prompt.ids, *said)
            return self._with_model(
                self._next_tokens, ids, policies, count, tuple(also), progress=progress
            )

    def _next_tokens(
        self,
        ids: tuple[int, ...],
        policies: Sequence[Policy],
        count: int,
        also: tuple[int, ...],
        progress: Progress | None,
    ) -> list[tuple[NextToken, ...]]:
        """Runs the model for the next tokens."""
        told = partial(_wait, progress, "waiting for the next tokens")
        return self._runner.next_tokens(ids, policies, count, also, told)

    def answer_all(
        self,
        prompts: Sequence[Prompt],
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        batch_rows: int = 25,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """The most probable answer to each of many prompts, each with a row of its own.

        Where a row ends, the next prompt takes its place. Rows get the answers that they would get
        alone.

        Args:
            prompts: The prompts.
            rows: A row for each prompt.
            new_tokens: The longest an answer may get.
            batch_rows: How many are decoded together, where they fit into memory.
            progress: Told after each step; an exception that it raises stops the work.

        Raises:
            InputError: A row cannot be run, or an answer is longer than the limits allow.
        """
        policies = self._policies(rows)
        for prompt in prompts:
            self.limits.check_answer(len(prompt.ids), 1, new_tokens)
        stops = [self._stop(prompt) for prompt in prompts]
        # More rows would wait for room that rows which wait for them hold.
        longest = max((len(prompt.ids) for prompt in prompts), default=0) + new_tokens
        batch_rows = min(batch_rows, self._runner.rows_that_fit(longest))
        with self.background.paused():
            return answer_all(
                self._runner, prompts, policies, stops, new_tokens, batch_rows, progress
            )

    def answer_losses(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[Sequence[int]],
        rows: Sequence[Row],
        *,
        differentiable: bool = False,
    ) -> list[Tensor]:
        """The cross-entropy of given answers to prompts, each with a row of its own.

        Args:
            prompts: The prompts.
            answers: Token ids of each answer.
            rows: A row for each prompt.
            differentiable: Keep what gradients for the parameters of rules need.

        Returns:
            For each answer the losses of its tokens in nats, `[tokens]` in float32.

        Raises:
            InputError: A row cannot be run.
        """
        ids, policies = [prompt.ids for prompt in prompts], self._policies(rows)
        with self.background.paused():
            return self._runner.answer_losses(ids, answers, policies, differentiable=differentiable)

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole answer: its text, then the end token."""
        return self._vocabulary.answer_ids(text)

    def _policies(self, rows: Sequence[Row]) -> list[Policy]:
        """The policies of rows, which this engine can run."""
        for row in rows:
            row.check(self.adapters, self._runner.layers)
        return [row.policy for row in rows]

    def _stop(self, prompt: Prompt) -> tuple[str, ...]:
        return self._prompt.stop if self._prompt and prompt.frame == "form" else ()


def _wait(progress: Progress | None, what: str) -> None:
    if progress is not None:
        progress(what, 0.0)
