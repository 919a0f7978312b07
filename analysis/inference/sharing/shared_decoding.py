"""Reads rows that may run for other readers, too: each reader has its own place in their steps.

The first reader that needs a new step runs it for all readers of the row, so that none waits for a
slower one. A row runs as long as it has a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from analysis.inference.decoding.steps import Step, Steps, Token
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.policy_weights import (
    PolicyWeights,
    recorder_of,
)
from analysis.inference.sharing.running_rows import Place, RequestedRows, RunningRows, SharedRun

# Seconds after which a reader that waits for another's step asks again whether it is still wanted.
_LOOK_SECONDS = 0.2


class SharedDecoding(Steps):
    """The answers of some rows; every iteration is one step of all rows that still run.

    Nothing runs until the first step is asked for. A row gets the answer that it would get alone,
    also where other readers share it and where something fails for them.

    Args:
        running: The rows of the model that run for anybody.
        asked: The rows.
        wanted: Called now and then while it waits to begin, or for another reader; what it raises
            ends this reading alone.
    """

    def __init__(
        self,
        running: RunningRows,
        asked: RequestedRows,
        wanted: Callable[[], object] = lambda: None,
    ) -> None:
        self._running = running
        self._asked = asked
        self._wanted = wanted
        self._unwanted = False
        # The rows that go on.
        self._places: dict[int, Place] = {}
        # Runs whose next step was asked for, to be taken for all their readers.
        self._taking: list[SharedRun] = []
        self._weights: dict[int, PolicyWeights] = {}
        self._index = -1
        self.over = False

    def close(self) -> None:
        """Ends the reading; what nobody else reads leaves the model. Another thread may call it."""
        with self._running.lock:
            self.over = True
            places, self._places = self._places, {}
            taking, self._taking = self._taking, []
            for run in taking:
                self._released(run)
            for run, _ in places.values():
                # This reader's own thread may wait there.
                run.changed.notify_all()
        self._running.leave(list(places.values()))

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        """The weights that each row had so far, over all tokens of prompt and answer."""
        found = []
        for row, policy in enumerate(self._asked.policies):
            recorder = recorder_of(policy, self._running.parts.mixture.layers)
            if recorder is None:
                assert isinstance(policy, ConstantWeights)
                found.append(PolicyWeights.of(policy))
            else:
                found.append(self._weights.get(row) or recorder.result())
        return tuple(found)

    def _ask(self) -> None:
        if self._index < 0 and not self._places:
            self._join(list(range(len(self._asked.policies))))
        for run in {run for run, _ in self._places.values()}:
            if self._free(run):
                with self._failing(run):
                    run.decoding.begin(self._look)
                    run.decoding.ask()
                with self._running.lock:
                    if self.over:
                        self._released(run)
                    elif not run.failed:
                        self._taking.append(run)

    def _take(self) -> Step:
        while self._taking:
            self._step(self._taking.pop())
        tokens = [self._token(row) for row in sorted(self._places)]
        self._index += 1
        with self._running.lock:
            ended = [self._places.pop(one.row) for one in tokens if one.end and not self.over]
        self._running.leave(ended)
        if not self._places:
            self.close()
        return Step(self._index, tuple(tokens))

    def _join(self, rows: list[int], *, alone: bool = False) -> None:
        """Begins to read rows; those that do not run yet run their prompts."""
        with self._running.lock:
            if self.over:
                raise StopIteration
            places, new = self._running.join(self._asked.some(rows), alone=alone)
            self._places |= dict(zip(rows, places, strict=True))
        if new is not None:
            self._step(new)

    def _token(self, row: int) -> Token:
        """A row's next token, at this reader's place."""
        place = self._index + 1
        while not self._reached(row, place):
            # The run failed, perhaps by another row: alone, a row meets its own errors only.
            run = self._places[row][0]
            with self._running.lock:
                rows = [other for other, (its, _) in self._places.items() if its is run]
                left = [self._places.pop(other) for other in rows]
            self._running.leave(left)
            self._join(rows, alone=True)
        run, number = self._places[row]
        weights = run.weights[place][number]
        if weights is not None:
            self._weights[row] = weights
        token = next(token for token in run.steps[place].tokens if token.row == number)
        return replace(token, row=row)

    def _reached(self, row: int, place: int) -> bool:
        """Runs a row up to its step at a place; False where its run failed before."""
        while True:
            with self._running.lock:
                if self.over:
                    raise StopIteration
                run = self._places[row][0]
                if len(run.steps) > place:
                    return True
                if run.failed:
                    return False
                waits = run.taken
                if waits:
                    run.changed.wait(_LOOK_SECONDS)
                else:
                    run.taken = True
            if waits:
                self._look()
            else:
                self._step(run)

    def _free(self, run: SharedRun) -> bool:
        """Reserves a run's next step for this reader; False where another one takes it."""
        with self._running.lock:
            if run.taken or run.failed or len(run.steps) > self._index + 1:
                return False
            run.taken = True
            return True

    def _step(self, run: SharedRun) -> None:
        """Takes a run's next step, for all its readers."""
        with self._failing(run):
            run.decoding.begin(self._look)
            step = next(run.decoding)
            weights = run.decoding.ruled_weights()
            with self._running.lock:
                run.steps.append(step)
                run.weights.append(weights)
                self._released(run)

    @contextmanager
    def _failing(self, run: SharedRun) -> Iterator[None]:
        """Tells a run's readers of an error, and raises it where this reader is the only one.

        A reader that is no longer wanted leaves the run to the other readers.
        """
        try:
            yield
        except BaseException as error:
            if not self._unwanted:
                self._running.fail(run)
            self._released(run)
            if self._unwanted or not run.shared or not isinstance(error, Exception):
                raise

    def _look(self) -> None:
        """Raises what `wanted` raises, which ends this reading alone."""
        try:
            if self.over:
                raise StopIteration
            self._wanted()
        except BaseException:
            self._unwanted = True
            raise

    def _released(self, run: SharedRun) -> None:
        """Lets another reader take a run's next step."""
        with self._running.lock:
            run.taken = False
            run.changed.notify_all()
