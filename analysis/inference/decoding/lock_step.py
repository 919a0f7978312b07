"""The one decoding loop: many prompts, each with a policy of its own, in lock step."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future
from functools import partial

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from analysis.inference.decoding.advance import Chosen, EqualRows, choose
from analysis.inference.decoding.answer_text import AnswerText
from analysis.inference.decoding.model import DecodingModel
from analysis.inference.decoding.prompt_passes import run_prompts
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import End, Step, Steps, Token
from analysis.inference.head import Head
from analysis.inference.mixing.policies import Policy
from analysis.inference.mixing.policy_weights import PolicyWeights, WeightRecorder, recorder_of
from analysis.inference.scheduling.rows_cache import RowsCache
from analysis.inference.scheduling.stream import result_of


class LockStep(Steps):
    """Continues prompts, one row each; every iteration is one step of all rows that still run.

    Nothing runs until the first step is asked for. A row gets the answer that it would get alone,
    and one that has ended costs nothing more.

    Args:
        parts: The model.
        prompts: Token ids of each row's prompt.
        policies: Each row's policy.
        new_tokens: The most tokens of an answer, at least 1.
        sampling: How tokens are chosen. Every row draws with the same seed.
        stop: Texts that end an answer.
    """

    def __init__(
        self,
        parts: DecodingModel,
        prompts: Sequence[Sequence[int]],
        policies: Sequence[Policy],
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
    ) -> None:
        self._parts = parts
        self._prompts = [list(prompt) for prompt in prompts]
        self._policies = list(policies)
        self._new_tokens = new_tokens
        self._sampling = sampling
        self._recorders = self._new_recorders()
        self._texts = [AnswerText(parts.vocabulary, stop) for _ in prompts]
        self._stream = parts.scheduler.stream(parts.advance.together)
        # The rows that still run, and their numbers, in groups whose texts are equally long.
        self._groups: list[tuple[EqualRows, list[int]]] = []
        self._dropped: set[int] = set()
        self._asked: Future[list[Chosen]] | None = None
        self._index = -1
        self._row_bytes = [parts.advance.bytes(len(prompt) + new_tokens) for prompt in prompts]
        # The rows for which memory is held.
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self.over = False

    def begin(self, wanted: Callable[[], object] = lambda: None) -> None:
        """Waits for memory and runs the prompts, unless that was done.

        An error leaves the decoding as it was before: another reader may begin it.

        Args:
            wanted: Called now and then while it waits, and before each piece of the prompts; what
                it raises ends the beginning.

        Raises:
            StopIteration: It was closed meanwhile.
        """
        if self._index >= 0 or self._asked is not None:
            return
        asked: Future[list[Chosen]] = Future()
        try:
            asked.set_result(self._begin(wanted))
        except BaseException:
            self._leave()
            self._groups, self._recorders = [], self._new_recorders()
            raise
        self._asked = asked

    def drop(self, row: int) -> None:
        """Takes a row out at the next step. Another thread may call it."""
        self._dropped.add(row)

    def _ask(self) -> None:
        if self._asked is not None:
            return
        if self._index < 0:
            self.begin()
        else:
            self._asked = self._stream.ask([group for group, _ in self._groups])

    def close(self) -> None:
        """Ends the decoding; nothing of it is left in the model. Another thread may call it."""
        with self._lock:
            self.over = True
        self._stream.close()
        self._groups, self._asked = [], None
        self._parts.advance.forget()
        self._leave()

    def ruled_weights(self) -> tuple[PolicyWeights | None, ...]:
        """The weights that each row with a rule had so far, over prompt and answer; else None."""
        return tuple(None if one is None else one.result() for one in self._recorders)

    def _take(self) -> Step:
        """Waits for the step that was asked for; tokens become text in the reader's thread."""
        asked, self._asked = self._asked, None
        assert asked is not None
        try:
            chosen = result_of(asked)
        finally:
            del asked
        self._index += 1
        last = self._index == self._new_tokens - 1
        tokens: list[Token] = []
        going_groups = []
        for (group, rows), chosen_R in zip(self._groups, chosen, strict=True):
            own = [
                self._token(row, *one, last=last) for row, one in zip(rows, chosen_R, strict=True)
            ]
            tokens += own
            going = [
                place
                for place, token in enumerate(own)
                if token.end is None and token.row not in self._dropped
            ]
            group.ids = [token.id for token in own]
            if len(going) < len(own) and going:
                with torch.inference_mode():
                    group.select(going)
            if going:
                going_groups.append((group, [rows[place] for place in going]))
        self._groups = going_groups
        self._leave(self._held - {row for _, rows in going_groups for row in rows})
        if not self._groups:
            self.close()
        return Step(self._index, tuple(sorted(tokens, key=lambda token: token.row)))

    def _begin(self, wanted: Callable[[], object]) -> list[Chosen]:
        """Runs the prompts, those of the same length together, once there is room for them."""

        def look() -> None:
            wanted()
            if self.over:
                raise StopIteration

        self._parts.admission.enter(sum(self._row_bytes), look)
        with self._lock:
            self._held = set(range(len(self._prompts)))
        if self.over:
            raise StopIteration
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, prompt in enumerate(self._prompts):
            by_length[len(prompt)].append(row)
        chosen = []
        for length, rows in by_length.items():
            cache, states_RD = self._prefill(rows, look)
            group = EqualRows(
                RowsCache(cache) if self._parts.advance.shares else cache,
                length,
                [],
                [self._policies[row] for row in rows],
                [self._recorders[row] for row in rows],
                self._sampling,
                [torch.Generator().manual_seed(self._sampling.seed) for _ in rows],
            )
            self._groups.append((group, rows))
            first = partial(_first, self._parts.head, states_RD, group)
            chosen.append(self._parts.scheduler.run(first, soon=True))
        return chosen

    def _prefill(self, rows: Sequence[int], wanted: Callable[[], object]) -> tuple[Cache, Tensor]:
        """Runs prompts of one length, in pieces between which other work runs.

        Returns:
            Their keys and values, and the states after their last tokens, `[rows, width]`.
        """
        parts = self._parts
        ids_RT = torch.tensor([self._prompts[row] for row in rows], device=parts.model.device)
        applied = parts.mixture.rows_of(
            [self._policies[row] for row in rows], [self._recorders[row] for row in rows]
        )
        cache = DynamicCache(config=parts.model.config)
        return cache, run_prompts(parts, ids_RT, applied, cache, wanted)

    def _leave(self, rows: Set[int] | None = None) -> None:
        """Gives the memory of rows back, once; of all rows by default."""
        with self._lock:
            leaving = self._held if rows is None else self._held & rows
            self._held = self._held - leaving
        if leaving:
            self._parts.admission.leave(sum(self._row_bytes[row] for row in leaving))

    def _new_recorders(self) -> list[WeightRecorder | None]:
        return [recorder_of(policy, self._parts.mixture.layers) for policy in self._policies]

    def _token(self, row: int, id_: int, probability: float, *, last: bool) -> Token:
        ends = id_ in self._parts.ends
        delta, stopped = self._texts[row].push(id_, last or ends)
        end: End | None = "length" if last else None
        if stopped:
            end = "stop string"
        elif ends:
            end = "end token"
        text = self._parts.vocabulary.token(id_)
        return Token(row, id_, text, delta, probability, end)


@torch.inference_mode()
def _first(head: Head, states_RD: Tensor, group: EqualRows) -> Chosen:
    """The first tokens of answers."""
    return choose(head, [(group, states_RD)])[0]
