"""The rows that run for anybody: an answer that is asked for while it runs does not run again."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from analysis.inference.decoding.lock_step import LockStep
from analysis.inference.decoding.model import DecodingModel
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policies import ConstantWeights, Policy
from analysis.inference.mixing.policy_weights import PolicyWeights


@dataclass(frozen=True)
class RequestedRows:
    """Rows that are to answer.

    Attributes:
        prompts: Token ids of each row's prompt.
        policies: Each row's policy.
        new_tokens: The most tokens of an answer, at least 1.
        sampling: How tokens are chosen.
        stop: Texts that end an answer.
    """

    prompts: tuple[tuple[int, ...], ...]
    policies: tuple[Policy, ...]
    new_tokens: int
    sampling: Sampling
    stop: tuple[str, ...]

    def some(self, rows: Sequence[int]) -> RequestedRows:
        """Some of the rows."""
        return replace(
            self,
            prompts=tuple(self.prompts[row] for row in rows),
            policies=tuple(self.policies[row] for row in rows),
        )

    def keys(self, adapters: tuple[str, ...]) -> list[Hashable]:
        """All that each row's answer depends on; two rules are equal where they are one object.

        Requests get one object where their method makes its rule with `Context.derived`, as Arrow
        does.

        Args:
            adapters: Names of all adapters.
        """
        # Nothing is drawn without temperature.
        sampling = self.sampling if self.sampling.temperature else Sampling()
        return [
            (prompt, _key(policy, adapters), self.new_tokens, sampling, self.stop)
            for prompt, policy in zip(self.prompts, self.policies, strict=True)
        ]


def _key(policy: Policy, adapters: tuple[str, ...]) -> Hashable:
    if isinstance(policy, ConstantWeights):
        return policy.over(adapters).numpy().tobytes()
    return policy


class SharedRun:
    """Rows that are decoded together, and the steps that they have made.

    Attributes:
        decoding: The decoding; one reader at a time takes its next step, for all.
        keys: What each row is known by.
        readers: How many read each row.
        steps: The steps so far.
        weights: The weights that rows with a rule had after each step; None for other rows.
        taken: Whether a reader runs the next step.
        shared: Whether it has had several readers.
        failed: Whether it ended with an error.
        changed: Notified when one of these changes; all of them are guarded by its lock.
    """

    def __init__(self, decoding: LockStep, keys: list[Hashable], lock: threading.RLock) -> None:
        self.decoding = decoding
        self.keys = keys
        self.readers = [0] * len(keys)
        self.steps: list[Step] = []
        self.weights: list[tuple[PolicyWeights | None, ...]] = []
        # By the reader that makes the run.
        self.taken = True
        self.shared = self.failed = False
        self.changed = threading.Condition(lock)


Place = tuple[SharedRun, int]
"""A run, and the number of a row in it."""


class RunningRows:
    """The rows of one model that run for anybody.

    Args:
        parts: The model.

    Attributes:
        lock: Guards the rows, their runs and their readers. A reader may be collected, and leave,
            at any allocation: the thread that holds the lock may take it again.
    """

    def __init__(self, parts: DecodingModel) -> None:
        self.parts = parts
        self.lock = threading.RLock()
        self._rows: dict[Hashable, Place] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def join(
        self, asked: RequestedRows, *, alone: bool = False
    ) -> tuple[list[Place], SharedRun | None]:
        """Begins to read rows: those that run already, and the others in a new run.

        Args:
            asked: The rows.
            alone: All of them in a new run, which nobody else can join.

        Returns:
            The place of each row; and the new run, if any, whose first step the caller takes.
        """
        keys = asked.keys(self.parts.mixture.adapters)
        with self.lock:
            found = {} if alone else {key: one for key in keys if (one := self._joined(key))}
            missing = {key: row for row, key in enumerate(keys) if key not in found}
            if not missing:
                return [found[key] for key in keys], None
            rows = asked.some(list(missing.values()))
            decoding = LockStep(
                self.parts, rows.prompts, rows.policies, rows.new_tokens, rows.sampling, rows.stop
            )
            run = SharedRun(decoding, list(missing), self.lock)
            made = {key: (run, row) for row, key in enumerate(run.keys)}
            for key in keys:
                if key in made:
                    run.readers[made[key][1]] += 1
            if not alone:
                self._rows |= made
            return [(found | made)[key] for key in keys], run

    def _joined(self, key: Hashable) -> Place | None:
        """The place of a row that runs, with a reader more."""
        place = self._rows.get(key)
        if place is None:
            return None
        run, row = place
        run.readers[row] += 1
        if self._rows.get(key) is not place:
            # Its last reader was collected meanwhile.
            run.readers[row] -= 1
            return None
        run.shared = True
        return place

    def leave(self, places: Sequence[Place]) -> None:
        """Ends the reading of rows; those without a reader leave the model."""
        with self.lock:
            for run, row in places:
                run.readers[row] -= 1
                if not run.readers[row]:
                    self._forget(run, row)
                    run.decoding.drop(row)
            unread = [run for run in {run for run, _ in places} if not any(run.readers)]
        for run in unread:
            run.decoding.close()

    def fail(self, run: SharedRun) -> None:
        """Keeps new readers from a run."""
        with self.lock:
            run.failed = True
            for row in range(len(run.keys)):
                self._forget(run, row)

    def _forget(self, run: SharedRun, row: int) -> None:
        key = run.keys[row]
        if self._rows.get(key) == (run, row):
            del self._rows[key]
