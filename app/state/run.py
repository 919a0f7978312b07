"""A run: a visitor's question, the trace of it, and how it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.trace import POSITIONS
from analysis.models.provenance import Computation
from app.state.snapshot import Numbers, frozen
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.inference.decoding.sampling import Sampling
    from analysis.inference.mixing.policy_weights import PolicyWeights
    from analysis.inference.prompt import Prompt
    from analysis.measure.every_token import EveryToken
    from analysis.measure.trace import Trace
    from analysis.measure.tracing.trace_reader import TraceReader
    from analysis.measure.weight_settings import WeightSettings

_TOO_LARGE = say(
    "The numbers of this question are too large to keep, so the page shows them once only: choose "
    "the settings first and then ask it again, or ask with fewer adapters."
)
_PUSHED_OUT = say(
    "The numbers of this question are no longer kept, because many newer questions were asked: "
    "ask it again."
)


@dataclass(frozen=True)
class AnswerSettings:
    """How to answer a query.

    Attributes:
        methods: Names of the methods, as `analysis.methods.fuse` takes them.
        new_tokens: The most tokens that an answer may have.
        sampling: How tokens are chosen.
        lens: The lens that methods read divergences through.
        reading: All settings that they read divergences with; those of the collection with the
            lens if None.
    """

    methods: tuple[str, ...]
    new_tokens: int
    sampling: Sampling
    lens: str
    reading: WeightSettings | None = None

    def weight_settings(self, defaults: WeightSettings) -> WeightSettings:
        """How methods read divergences.

        Args:
            defaults: The settings of the collection.
        """
        if self.reading is None:
            return replace(defaults, lens=self.lens)
        if self.reading.position in POSITIONS:
            return self.reading
        # Methods cannot read every token.
        return replace(self.reading, position=defaults.position)


@dataclass(frozen=True)
class AnswerWeights:
    """The weights behind one answer.

    Attributes:
        name: The method's name.
        adapters: Names of the adapters.
        mean: Mean weight over tokens and modules, `[layers][adapters]`.
        deviation: Standard deviation over tokens and modules, same shape; None where the weights
            are the same at every token and module.
    """

    name: str
    adapters: tuple[str, ...]
    mean: Numbers
    deviation: Numbers | None

    @classmethod
    def of(cls, name: str, weights: PolicyWeights) -> AnswerWeights:
        """The weights that a row had while it was decoded."""
        deviation = None if weights.constant else frozen(weights.deviation_LK.tolist())
        return cls(name, weights.adapters, frozen(weights.mean_LK.tolist()), deviation)


@dataclass(frozen=True)
class AnswerRecord:
    """Settings and weights of the answers that are shown.

    Attributes:
        settings: The answer settings.
        weights: The weights behind each answer, in the order of the answers.
    """

    settings: AnswerSettings
    weights: tuple[AnswerWeights, ...]


@dataclass(frozen=True)
class Check:
    """The result of a robustness check, for files.

    Attributes:
        name: `variants` or `copies`.
        columns: Names of the columns: of adapters, or of an adapter and its copies.
        numbers: Numbers by their names, each `[layers][columns]`.
        facts: What was checked, by name.
    """

    name: str
    columns: tuple[str, ...]
    numbers: Mapping[str, Numbers]
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Run:
    """One traced query.

    The engine's cache holds the trace and the divergences at every token, bounded in bytes; a run
    only names them. So sessions hold no large values, however many there are. The request that
    traces the query holds the trace until it ends.

    Attributes:
        number: The number of the visitor's request.
        query: The question, as typed.
        prompt: The prompt that the model read.
        adapters: Names of the adapters that are shown, all of them traced.
        answer_settings: How it is answered.
        computation: Precision and device of the model.
        engine: Keeps the trace.
        every_token_seconds: How long every token takes to read, about; None where the trace came
            from the cache, so that nothing was measured.
        asked: Names of the adapters of the answers; those that are shown if empty.
        too_large: Whether the cache refused the trace, because it alone is more than may be kept.
        left_out: Names of the adapters that a shortlist left out, the best of them first.
    """

    number: int
    query: str
    prompt: Prompt
    adapters: tuple[str, ...]
    answer_settings: AnswerSettings
    computation: Computation
    engine: TraceReader = field(repr=False)
    every_token_seconds: float | None = None
    asked: tuple[str, ...] = ()
    too_large: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def trace(self) -> Trace:
        """The trace of the question.

        Raises:
            InputError: The engine's cache does not have it; the message says why.
        """
        trace = self.engine.kept_trace(self.prompt, self.adapters)
        if trace is None:
            raise InputError(_TOO_LARGE if self.too_large else _PUSHED_OUT)
        return trace

    def every_token_cost(self, lens: str, metric: str) -> str:
        """How long every token takes to read, in words; empty where that is not known."""
        if self.every_token_seconds is None or self.every_token(lens, metric) is not None:
            return ""
        return f"about {max(1, round(self.every_token_seconds))} s"

    def every_token(self, lens: str, metric: str) -> EveryToken | None:
        """The divergences at every token; None where they are not read, or no longer kept."""
        return self.engine.kept_every_token(self.prompt, self.adapters, lens, metric)
