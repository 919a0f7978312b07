"""Limits of one request."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from analysis.common.errors import InputError

PASS_TOKENS = 2048
"""Tokens of one forward pass on a CPU, all rows together.

With more, activations exceed the memory that malloc reuses, and fresh pages cost about 20 % of the
time.
"""


@dataclass(frozen=True)
class Limits:
    """Limits of one request. A larger request is refused, never cut.

    Attributes:
        prompt_tokens: Of a prompt.
        new_tokens: Of each answer.
        rows: Answers side by side.
        adapters: In one trace.
        every_token: Prompt tokens of a view of every token.
        queries: In one profile.
        kept_bytes: Of traces, results and prompt prefixes that are kept for later requests.
        answer_bytes: Of answers that are kept for later requests.
        state_bytes: Of the states of a view of every token that are in memory at a time. A prompt
            with more runs in parts, each of which runs the tokens before it again.
        pass_tokens: Tokens of one forward pass on a CPU, all rows together.
        cache_bytes: Of the keys and values of all answers that run; where they do not fit, requests
            wait. None for a quarter of the memory that is free when the model is loaded.
        piece_tokens: Tokens of a prompt that run in a piece before its answers, all rows together.
            While answers wait for their next step, passes of traces and of every token are no
            larger on a CPU: answers stall for no longer than a piece and a step. What reads a whole
            prompt in the base's row alone is one piece: signals of the base, and the first part of
            a shortlist. So is a row of a base that cannot continue a prompt.
        private: Whether results of a visitor's own question are kept for that visitor alone.
    """

    prompt_tokens: int = 1024
    new_tokens: int = 512
    rows: int = 12
    adapters: int = 64
    every_token: int = 256
    queries: int = 1000
    kept_bytes: int = 256_000_000
    answer_bytes: int = 32_000_000
    state_bytes: int = 128_000_000
    pass_tokens: int = PASS_TOKENS
    cache_bytes: int | None = None
    piece_tokens: int = 256
    private: bool = False

    def check_adapters(self, count: int) -> None:
        """Raises InputError for more adapters than one trace takes."""
        if count > self.adapters:
            raise InputError(
                f"{count} adapters are chosen, and at most {self.adapters} run at once: choose "
                "fewer."
            )

    def check_every_token(self, count: int) -> None:
        """Raises InputError for a prompt that is too long for a view of every token."""
        if count > self.every_token:
            raise InputError(
                f"The prompt has {count} tokens, and a view of every token takes at most "
                f"{self.every_token}: shorten the query."
            )

    def check_queries(self, count: int) -> None:
        """Raises InputError for more queries than one profile takes."""
        if count > self.queries:
            raise InputError(
                f"There are {count} queries, and a profile takes at most {self.queries}: take "
                "fewer."
            )

    def check_answer(self, prompt_tokens: int, rows: int, new_tokens: int) -> None:
        """Raises InputError for answers that are too many, too long, or to too long a prompt."""
        for what, value, most in (
            ("prompt tokens", prompt_tokens, self.prompt_tokens),
            ("answers", rows, self.rows),
            ("new tokens", new_tokens, self.new_tokens),
        ):
            if not 1 <= value <= most:
                raise InputError(f"{value} {what} are asked for: ask for 1 to {most}.")


PUBLIC = Limits(
    prompt_tokens=512,
    new_tokens=256,
    rows=6,
    every_token=128,
    queries=100,
    answer_bytes=0,
    private=True,
)
"""Limits of a server that anybody may ask. No answer is kept, and traces are not shared.

The views of the visitor who asked read a trace again; it is kept within `kept_bytes`, and no longer
than the visitor's page. Visitors who ask the same question at the same time share the work.
"""


class Owner:
    """A visitor whose results are nobody else's: see `Limits.private`.

    Attributes:
        name: Known to nobody outside this process.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
