"""Answers that are kept, so that the same row never answers the same prompt twice."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from analysis.common.cache import ByteCache
from analysis.common.sizes import size_of
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import Token
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt


@dataclass(frozen=True)
class AnswerRequest:
    """All that an answer depends on.

    Attributes:
        prompt: The prompt.
        row: The row that answers.
        new_tokens: The longest that the answer may get.
        sampling: How its tokens are chosen; a seed draws the same tokens again.
        settings: What the rule of the row depends on, beside prompt and adapters; constant weights
            depend on nothing else.
    """

    prompt: Prompt
    row: Row
    new_tokens: int
    sampling: Sampling
    settings: Hashable = None


@dataclass(frozen=True)
class KeptAnswer:
    """An answer that ended by itself or at the longest that it may get.

    Attributes:
        tokens: Its tokens.
        weights: The weights that its row had.
    """

    tokens: tuple[Token, ...]
    weights: PolicyWeights


class KeptAnswers:
    """Keeps answers, for any number of requests at once; the longest unused go first.

    Args:
        kept: Where they are kept.
        adapters: Names of all adapters.
    """

    def __init__(self, kept: ByteCache, adapters: tuple[str, ...]) -> None:
        self._kept = kept
        self._adapters = adapters

    def get(self, request: AnswerRequest) -> KeptAnswer | None:
        """The answer, or None where it is not kept."""
        kept: KeptAnswer | None = self._kept.get(self._key(request))
        policy = request.row.policy
        if kept is None or not isinstance(policy, ConstantWeights):
            return kept
        # Equal weights may be written over other adapters.
        return KeptAnswer(kept.tokens, PolicyWeights.of(policy))

    def put(self, request: AnswerRequest, answer: KeptAnswer) -> None:
        """Keeps an answer."""
        key = self._key(request)
        self._kept.put(key, answer, size_of(key, answer))

    def clear(self) -> None:
        """Forgets all answers."""
        self._kept.clear()

    def _key(self, request: AnswerRequest) -> Hashable:
        row, policy, sampling = request.row, request.row.policy, request.sampling
        rule: Hashable = (row.name, policy.adapters, request.settings)
        if isinstance(policy, ConstantWeights):
            rule = policy.over(self._adapters).numpy().tobytes()
        if sampling.temperature == 0.0:
            sampling = Sampling()  # nothing is drawn
        return request.prompt, rule, request.new_tokens, sampling
