"""Limits of one request."""

from __future__ import annotations

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
        kept_bytes: Of traces, results and prompt prefixes that are kept for later requests.
        state_bytes: Of the states of a view of every token that are in memory at a time. A prompt
            with more runs in parts, each of which runs the tokens before it again.
        pass_tokens: Tokens of one forward pass on a CPU, all rows together.
    """

    prompt_tokens: int = 1024
    new_tokens: int = 512
    rows: int = 12
    adapters: int = 64
    every_token: int = 256
    kept_bytes: int = 256_000_000
    state_bytes: int = 128_000_000
    pass_tokens: int = PASS_TOKENS

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

    def check_answer(self, prompt_tokens: int, rows: int, new_tokens: int) -> None:
        """Raises InputError for answers that are too many, too long, or to too long a prompt."""
        for what, value, most in (
            ("prompt tokens", prompt_tokens, self.prompt_tokens),
            ("answers", rows, self.rows),
            ("new tokens", new_tokens, self.new_tokens),
        ):
            if not 1 <= value <= most:
                raise InputError(f"{value} {what} are asked for: ask for 1 to {most}.")
