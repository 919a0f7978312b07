"""What visitors of a crowd got, and the measurements of all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.inference.mixing.rows import Row


@dataclass(frozen=True)
class Visit:
    """What a visitor got.

    Attributes:
        first_seconds: From the question to the first token of an answer.
        total_seconds: From the question to the end of all answers.
        ids: Tokens of each answer.
        rows: The rows that answered; empty where the engine is elsewhere.
        probabilities: Of these tokens; empty where the rows are known.
        error: What went wrong; "" where nothing did.
    """

    first_seconds: float = math.nan
    total_seconds: float = math.nan
    ids: tuple[tuple[int, ...], ...] = ()
    rows: tuple[Row, ...] = ()
    probabilities: tuple[tuple[float, ...], ...] = ()
    error: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of all answers together."""
        return sum(map(len, self.ids))


@dataclass(frozen=True)
class Seconds:
    """Median, 95th percentile and the largest of the seconds of visitors; None without any."""

    median: float | None
    p95: float | None
    last: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Seconds:
        """Of some visitors; those without any (NaN) are left out."""
        ordered = sorted(one for one in seconds if not math.isnan(one))
        if not ordered:
            return cls(None, None, None)
        return cls(*(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 1.0)))


@dataclass(frozen=True)
class Load:
    """The measurements of one run.

    Attributes:
        visitors: How many there were.
        answers: How many answers each of them asked for.
        new_tokens: The longest an answer could get.
        errors: Visitors whose request failed.
        error: What the first of them was told; "" without any.
        cross_talk: Answers that differ from those of the visitor alone, ties left out.
        ties: Answers that differ from a token on where the two best were equally probable.
        tokens_per_second: Of all visitors at once, traces and prompts included.
        over_serial: That over the tokens per second of the same visitors one after the other; None
            where these got none.
        over_serial_cpu: The same by seconds of the processors in this process, so that other work
            on the machine does not count; None where the model is elsewhere.
        first_token_seconds: From the question to the first token.
        total_seconds: From the question to the end.
        peak_memory_mb: Memory that the crowd takes in addition to the loaded model; None where the
            model is elsewhere.
    """

    visitors: int
    answers: int
    new_tokens: int
    errors: int
    error: str
    cross_talk: int
    ties: int
    tokens_per_second: float
    over_serial: float | None
    over_serial_cpu: float | None
    first_token_seconds: Seconds
    total_seconds: Seconds
    peak_memory_mb: float | None


def summary(
    found: Sequence[Visit],
    seconds: float,
    new_tokens: int,
    cross_talk: int,
    ties: int,
    serial_speed: float,
    peak_mb: float | None,
) -> Load:
    """The measurements of a crowd.

    Args:
        found: What each visitor got.
        seconds: Until the last of them had it.
        new_tokens: The longest an answer could get.
        cross_talk: Answers that are not those of the visitor alone.
        ties: Answers that differ after a tie.
        serial_speed: Tokens per second of the same visitors one after the other.
        peak_mb: Additional memory in megabytes; None where it is unknown.
    """
    good = [one for one in found if not one.error]
    speed = sum(one.tokens for one in good) / seconds
    return Load(
        visitors=len(found),
        answers=max((len(one.ids) for one in good), default=0),
        new_tokens=new_tokens,
        errors=len(found) - len(good),
        error=next((one.error for one in found if one.error), ""),
        cross_talk=cross_talk,
        ties=ties,
        tokens_per_second=speed,
        over_serial=speed / serial_speed if serial_speed else None,
        over_serial_cpu=None,
        first_token_seconds=Seconds.of([one.first_seconds for one in good]),
        total_seconds=Seconds.of([one.total_seconds for one in good]),
        peak_memory_mb=peak_mb,
    )
