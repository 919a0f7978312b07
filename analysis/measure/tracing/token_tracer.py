"""Runs the model for what needs every token of a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.prompt import Prompt
from analysis.measure.every_token import EveryToken, read_every
from analysis.measure.metrics import check_metrics
from analysis.measure.tracing.tracer import Tracer


class TokenTracer(Tracer):
    """A tracer that also reads every token of a prompt."""

    def every_token(
        self,
        prompt: Prompt,
        adapters: Sequence[str] | None = None,
        lens: str = "norm",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> EveryToken:
        """The divergence at every token of a prompt.

        Runs the model and the LM head on every state: seconds to minutes. The states in memory at
        a time take at most `Limits.state_bytes`, or those of one token.

        Raises:
            InputError: The prompt is too long for it, a name is not there, or the lens cannot be
                used.
        """
        chosen = self._chosen(adapters)
        self.limits.check_every_token(len(prompt.ids))
        kept = self.kept_every_token(prompt, chosen, lens, metric)
        if kept is not None:
            return kept
        every = self._with_model(self._read_every, prompt, chosen, lens, metric, progress=progress)
        self._keep((prompt, chosen, lens, metric, "every token"), every)
        return every

    def _read_every(
        self,
        prompt: Prompt,
        chosen: tuple[str, ...],
        lens: str,
        metric: str,
        progress: Progress | None,
    ) -> EveryToken:
        """Runs the model and the LM head for the divergence at every token."""
        bound = self._lens(lens)
        check_metrics((metric,))
        part = max(1, self.limits.state_bytes // self._runner.token_bytes(1 + len(chosen)))

        def states(places: range, told: Progress) -> Tensor:
            # A state depends on its own token and those before it: the tokens behind need not run.
            return self._runner.hidden(prompt.ids[: places.stop], chosen, places, told)

        with self.background.paused(), self._reading(progress):
            return read_every(
                prompt,
                chosen,
                states,
                part,
                self._runner.head,
                bound,
                metric,
                progress,
                self._scheduler.each,
            )

    def representation(self, prompt: Prompt) -> Tensor:
        """What the base makes of a query: the mean last-layer state over the query's tokens.

        The state is the one after the final norm. The frame around the query is read where it
        stands before it, and has no part in the mean.

        Returns:
            `[width]` in float64.
        """
        key = (prompt, "representation")
        kept: Tensor | None = self._kept.get(key)
        if kept is not None:
            return kept
        first, end = prompt.query_first, prompt.query_last + 1
        with self.background.paused():
            mean_D = self._runner.base.mean_state(prompt.ids[:end], slice(first, end))
        self._kept.put(key, mean_D, mean_D.nbytes)
        return mean_D
