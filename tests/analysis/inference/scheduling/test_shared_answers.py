"""Answers in a shared batch are those of the solo run, whoever comes, goes, stalls or fails."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.decoding.advance import EqualRows
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.policies import ConstantWeights, ModuleInput, Policy, WeightRule
from analysis.inference.scheduling import rows_cache
from analysis.inference.scheduling.rows_cache import RowsCache
from analysis.inference.sharing.running_rows import RequestedRows
from analysis.inference.sharing.shared_decoding import SharedDecoding
from tests import tiny
from tests.analysis.engine.test_economy import counted
from tests.awaiting import await_

NEW_TOKENS = 9
QUERIES = (
    "Paris",
    "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?",
    "def add(a, b)",
    "El médico dice que el niño tiene que beber agua y dormir. ¿Por qué?",
)
SAMPLINGS = (Sampling(), Sampling(1.0, 0.9, seed=3), Sampling(1.5, 1.0, seed=4))


class Signs(WeightRule):
    """A weight that depends on the token's state; it may fail after some passes.

    Args:
        passes: After so many calls it fails; never where None.
    """

    adapters = ("spanish", "math")

    def __init__(self, passes: int | None = None) -> None:
        self._left = passes

    def weights(self, at: ModuleInput) -> torch.Tensor:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise InputError("This rule fails.")
        first_RT = at.block_input_RTD[..., 0]
        return torch.stack([first_RT.sigmoid(), 1 - first_RT.sigmoid()], dim=-1)


SIGNS = Signs()


@pytest.fixture(scope="module", autouse=True)
def little_room() -> Iterator[None]:
    """Room for so few tokens that every answer makes room several times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_cache, "ROOM", 2)
        yield


@cache
def made() -> Engine:
    # Prompts run in several pieces.
    limits = Limits(piece_tokens=16)
    folder = Path(tempfile.mkdtemp())
    engine, _, _ = tiny.tiny_engine(folder, dtype=torch.float64, limits=limits)
    # Random models end early: here only length and stop strings end an answer.
    object.__setattr__(engine.runner.decoding, "ends", frozenset())
    return engine


@cache
def policies() -> tuple[Policy, ...]:
    layers = made().layers
    mixed_LK = torch.tensor([[0.3, 0.9]], dtype=torch.float64).expand(layers, -1)
    return (
        ConstantWeights((), torch.zeros(layers, 0)),
        ConstantWeights(("math",), torch.ones(layers, 1)),
        ConstantWeights(("spanish", "math"), mixed_LK),
        SIGNS,
    )


def decoding(
    query: int,
    rows: tuple[int, ...],
    sampling: int,
    fails: int | None,
    wanted: Callable[[], object] = lambda: None,
) -> SharedDecoding:
    prompt = made().prompt(QUERIES[query])
    chosen = [policies()[row] for row in rows]
    if fails is not None:
        chosen.append(Signs(fails))
    asked = RequestedRows(
        (prompt.ids,) * len(chosen), tuple(chosen), NEW_TOKENS, SAMPLINGS[sampling], ()
    )
    return made().runner.decode(asked, wanted)


def group_of(running: SharedDecoding) -> EqualRows:
    """The first rows of a request that run together."""
    run, _ = running._places[0]
    (group, _), *_ = run.decoding._groups
    return group


@cache
def alone(query: int, row: int, sampling: int) -> tuple[list[int], torch.Tensor]:
    """The tokens of a solo run, and the mean weights that it had after each of them."""
    running = decoding(query, (row,), sampling, None)
    ids, means = [], []
    for step in running:
        ids.append(step.tokens[0].id)
        means.append(running.policy_weights()[0].mean_LK)
    return ids, torch.stack(means)


@dataclass(frozen=True)
class Visitor:
    """A request.

    Attributes:
        query: Number of its query.
        rows: Numbers of its policies.
        sampling: Number of its sampling.
        arrives: The round in which it begins.
        stalls: Rounds in which it asks for nothing.
        leaves: It is closed after so many tokens.
        fails: After so many calls a further row's rule fails; never where None.
    """

    query: int
    rows: tuple[int, ...]
    sampling: int
    arrives: int
    stalls: frozenset[int]
    leaves: int
    fails: int | None


visitors = st.builds(
    Visitor,
    query=st.integers(0, len(QUERIES) - 1),
    rows=st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple),
    sampling=st.integers(0, len(SAMPLINGS) - 1),
    arrives=st.integers(0, 4),
    stalls=st.frozensets(st.integers(0, 12), max_size=4),
    leaves=st.integers(1, NEW_TOKENS + 2),
    fails=st.none() | st.integers(0, 120),
)


crowds = given(crowd=st.lists(visitors, min_size=2, max_size=6), shares=st.booleans())


@contextmanager
def sharing(shares: bool) -> Iterator[None]:
    """Whether the base's rows can share passes; where not, each request runs by itself."""
    made().runner.decoding.advance.shares = shares
    try:
        yield
    finally:
        made().runner.decoding.advance.shares = True


@settings(max_examples=25)
@crowds
def test_a_row_gets_its_solo_answer_whoever_shares_the_batch(
    crowd: list[Visitor], shares: bool
) -> None:
    with sharing(shares):
        check_crowd(crowd)


@settings(max_examples=25)
@crowds
def test_visitors_in_threads_of_their_own_get_their_solo_answers(
    crowd: list[Visitor], shares: bool
) -> None:
    with sharing(shares):
        check_threads(crowd)


def check_crowd(crowd: list[Visitor]) -> None:
    running: dict[int, SharedDecoding] = {}
    found: dict[int, list[list[int]]] = {}
    gone: set[int] = set()
    for round_ in range(30):
        asking = []
        for number, visitor in enumerate(crowd):
            if number in gone or round_ < visitor.arrives or round_ in visitor.stalls:
                continue
            if number not in running:
                running[number] = decoding(
                    visitor.query, visitor.rows, visitor.sampling, visitor.fails
                )
                found[number] = [[] for _ in range(len(visitor.rows) + 1)]
            try:
                running[number].ask()
                asking.append(number)
            except InputError:
                gone.add(number)
        for number in asking:
            visitor, ids = crowd[number], found[number]
            try:
                step = next(running[number])
            except InputError:
                assert visitor.fails is not None
                gone.add(number)
                continue
            for token in step.tokens:
                ids[token.row].append(token.id)
            if len(ids[0]) == visitor.leaves or running[number].over:
                running[number].close()
                gone.add(number)
    assert len(gone) == len(crowd)
    for number, ids in found.items():
        check_answers(crowd[number], running[number], ids)
    check_nothing_is_left()


def check_threads(crowd: list[Visitor]) -> None:
    """As `check_crowd`, each visitor at the pace of a thread; who stalls is closed by another."""
    running: list[SharedDecoding] = []
    found: list[list[list[int]]] = []
    faults: list[BaseException] = []
    for visitor in crowd:
        running.append(decoding(visitor.query, visitor.rows, visitor.sampling, visitor.fails))
        found.append([[] for _ in range(len(visitor.rows) + 1)])

    def read(number: int) -> None:
        visitor = crowd[number]
        try:
            for step in running[number]:
                for token in step.tokens:
                    found[number][token.row].append(token.id)
                if step.index + 1 == visitor.leaves:
                    break
            running[number].close()
            if visitor.stalls:
                running[(number + 1) % len(crowd)].close()
        except InputError as error:
            if visitor.fails is None:
                faults.append(error)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(crowd))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "somebody waits for ever"
    assert faults == []
    for number, visitor in enumerate(crowd):
        closes_it = bool(crowd[number - 1].stalls)
        check_answers(visitor, running[number], found[number], whole=not closes_it)
    check_nothing_is_left()


def check_answers(
    visitor: Visitor, answers: SharedDecoding, ids: list[list[int]], *, whole: bool = True
) -> None:
    """A visitor's tokens and weights are those of the solo run, to the end if `whole`."""
    weights = answers.policy_weights()
    for place, row in enumerate(visitor.rows):
        expected, means = alone(visitor.query, row, visitor.sampling)
        count = len(ids[place])
        assert ids[place] == expected[:count]
        if count and visitor.fails is None and whole:
            torch.testing.assert_close(weights[place].mean_LK, means[count - 1])
    if visitor.fails is None and whole:
        assert len(ids[0]) == min(visitor.leaves, NEW_TOKENS)


def check_nothing_is_left() -> None:
    runner = made().runner
    assert not runner.scheduler.streams and not len(runner.running)
    assert runner.decoding.admission.held_bytes == 0


def test_rows_of_all_requests_advance_in_one_pass() -> None:
    engine = made()
    all_rows = [decoding(query, (0, 1, 2, 3), 0, None) for query in range(3)]
    firsts = [next(one) for one in all_rows]
    assert [len(step.tokens) for step in firsts] == [4, 4, 4]

    def ask() -> None:
        for one in all_rows:
            one.ask()

    with counted(engine.runner.model) as calls:
        engine.runner.scheduler.run(ask)
        steps = [next(one) for one in all_rows]
    assert calls == [(12, 1)]
    for query, step in enumerate(steps):
        assert [token.id for token in step.tokens] == [
            alone(query, row, 0)[0][1] for row in range(4)
        ]
    for one in all_rows:
        one.close()


def test_what_is_asked_by_many_runs_once_and_each_reads_at_a_place_of_its_own() -> None:
    engine, parts = made(), made().runner.decoding
    ids: list[list[list[int]]] = []

    def read(one: SharedDecoding, steps: int) -> None:
        found = ids[asked.index(one)]
        for _ in range(steps):
            for token in next(one).tokens:
                found[token.row].append(token.id)

    first = decoding(1, (0, 1, 3), 1, None)
    asked = [first]
    ids.append([[], [], []])
    with counted(engine.runner.model) as calls:
        read(first, 4)
        prompt = calls[:-3]
        held = parts.admission.held_bytes
        # One asks for the same, one for some of it in another order, one for a row more.
        for rows in ((0, 1, 3), (3, 0, 3), (1, 2)):
            asked.append(decoding(1, rows, 1, None))
            ids.append([[] for _ in rows])
        read(asked[1], 4)
        read(asked[2], 2)
        assert calls == [*prompt, (3, 1), (3, 1), (3, 1)]
        assert parts.admission.held_bytes == held
        # The leader stops; the third, who is behind, catches up and goes on.
        first.close()
        read(asked[2], 4)
        assert calls[len(prompt) :] == [(3, 1)] * 5
        asked[1].close()
        read(asked[2], 1)
        # Nobody reads the row of an adapter alone any more: it is gone from the next step.
        read(asked[2], 1)
        assert calls[-2:] == [(3, 1), (2, 1)]
        read(asked[3], NEW_TOKENS)
        assert asked[3].over
        read(asked[2], 1)
    for rows, found in zip(((0, 1, 3), (0, 1, 3), (3, 0, 3), (1, 2)), ids, strict=True):
        assert found == [alone(1, row, 1)[0][: len(found[0])] for row in rows]
    assert asked[2].over and parts.admission.held_bytes == 0
    means = asked[2].policy_weights()[0].mean_LK
    torch.testing.assert_close(means, alone(1, 3, 1)[1][-1])


def test_readers_in_threads_share_a_row_whoever_is_closed_meanwhile() -> None:
    expected = alone(3, 2, 2)[0]
    readers = [decoding(3, (2, 3), 2, None) for _ in range(6)]
    found: dict[int, list[int]] = {}

    def read(number: int) -> None:
        found[number] = []
        for step in readers[number]:
            found[number].append(step.tokens[0].id)
            if number % 2 and len(found[number]) == number:
                readers[(number + 2) % 6].close()

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert all(ids == expected[: len(ids)] for ids in found.values())
    assert all(found[number] == expected for number in (0, 2, 4))
    assert not len(made().runner.running)


def test_who_shares_rows_with_a_failing_one_meets_no_error() -> None:
    failing = decoding(1, (0, 2), 0, 10_000)
    other = decoding(1, (2, 0), 0, None)
    ids = [[token.id for token in next(failing).tokens][:2][::-1]]
    assert [token.id for token in next(other).tokens] == ids[0]
    assert other._places[0][0] is failing._places[0][0]
    failing._asked.policies[2]._left = 0
    with pytest.raises(InputError, match="This rule fails"):
        list(failing)
    ids += [[token.id for token in step.tokens] for step in other]
    assert [list(row) for row in zip(*ids, strict=True)] == [alone(1, 2, 0)[0], alone(1, 0, 0)[0]]


def test_an_error_of_a_prompt_reaches_its_reader() -> None:
    running = decoding(0, (0,), 0, 0)
    with pytest.raises(InputError, match="This rule fails"):
        next(running)
    assert running.over and list(running) == []


class Dry:
    """No generator."""

    def get_state(self) -> None: ...

    def set_state(self, state: None) -> None: ...


@pytest.mark.parametrize("shares", [True, False])
def test_a_failure_while_tokens_are_chosen_changes_no_other_stream(
    shares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = made().runner.decoding
    monkeypatch.setattr(parts.advance, "shares", shares)
    first, second = decoding(1, (2, 3), 1, None), decoding(0, (1,), 0, None)
    ids = [[token.id for token in next(first).tokens]]
    next(second)
    # Rows that are to draw, from a generator that nothing can be drawn from.
    failing = group_of(second)
    failing.sampling = Sampling(temperature=1.0)
    failing.generators = [cast(torch.Generator, Dry())]

    def ask() -> None:
        first.ask()
        second.ask()

    made().runner.scheduler.run(ask)
    ids.append([token.id for token in next(first).tokens])
    with pytest.raises(TypeError, match="Dry"):
        next(second)
    ids += [[token.id for token in step.tokens] for step in first]
    assert [list(row) for row in zip(*ids, strict=True)] == [alone(1, 2, 1)[0], alone(1, 3, 1)[0]]


def test_keys_and_values_are_counted_before_an_answer_begins() -> None:
    engine = made()
    parts = engine.runner.decoding
    running = decoding(1, (0, 2), 0, None)
    next(running)
    group = group_of(running)
    assert isinstance(group.cache, RowsCache)
    held = parts.admission.held_bytes
    for _ in range(3):
        next(running)
    # Each layer has room for 64 tokens more at most.
    assert 0.5 * held < group.cache.bytes <= held
    running.close()
    running.close()
    assert parts.admission.held_bytes == 0


def test_a_request_waits_for_room_and_may_be_closed_while_it_waits() -> None:
    engine = made()
    admission = engine.runner.decoding.admission
    first, second, third = (decoding(query, (0,), 0, None) for query in range(3))
    expected = alone(2, 0, 0)[0]
    most, admission.most_bytes = admission.most_bytes, 1
    try:
        next(first)
        found: list[list[int]] = []

        def read(one: SharedDecoding) -> None:
            found.append([step.tokens[0].id for step in one])

        readers = [threading.Thread(target=read, args=(one,)) for one in (second, third)]
        for number, reader in enumerate(readers):
            reader.start()
            await_(lambda number=number: admission.waiting > number)
        second.close()
        readers[0].join(30)
        assert found == [[]], "a request that waits ends at once"
        first.close()
        readers[1].join(30)
        assert found[1] == expected
        assert admission.held_bytes == 0
    finally:
        admission.most_bytes = most


class Gone(Exception):
    """A visitor has gone."""


def test_who_gives_up_while_it_waits_for_room_leaves_the_row_to_the_others() -> None:
    room = made().runner.decoding.admission
    expected = alone(2, 3, 0)
    gone = [threading.Event() for _ in range(3)]
    ended: list[type[BaseException] | list[int]] = [[], [], []]
    most, room.most_bytes = room.most_bytes, 1

    def wanted(number: int) -> Callable[[], None]:
        def look() -> None:
            if gone[number].is_set():
                raise Gone

        return look

    readers = [decoding(2, (3,), 0, None, wanted(number)) for number in range(3)]

    def read(number: int) -> None:
        try:
            ended[number] = [step.tokens[0].id for step in readers[number]]
        except Gone as error:
            ended[number] = type(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    first = decoding(0, (0,), 0, None)
    try:
        next(first)
        bytes_ = room.held_bytes
        for number, thread in enumerate(threads):
            thread.start()
            # The first waits for room, the others for the first.
            await_(lambda number=number: room.waiting and readers[number]._places)
        # One that waits for another, then the one that waits for room.
        for number in (1, 0):
            gone[number].set()
            threads[number].join(60)
            assert ended[number] is Gone and readers[number].over
        await_(lambda: room.waiting)
        assert room.held_bytes == bytes_ and not ended[2]
        first.close()
        threads[2].join(60)
        assert ended[2] == expected[0] and room.held_bytes == 0
        torch.testing.assert_close(readers[2].policy_weights()[0].mean_LK, expected[1][-1])
    finally:
        room.most_bytes = most


def test_who_gives_up_during_a_prompt_leaves_it_as_it_was() -> None:
    room, looks = made().runner.decoding.admission, 0

    def wanted() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise Gone

    leader, other = (decoding(3, (3,), 0, None, look) for look in (wanted, lambda: None))
    places, run = made().runner.running.join(other._asked)
    assert run is not None
    other._places = dict(enumerate(places))
    run.taken = False
    with pytest.raises(Gone):
        next(leader)
    assert looks == 2 and room.held_bytes == 0 and not run.failed
    ids = [step.tokens[0].id for step in other]
    expected, means_LK = alone(3, 3, 0)
    assert ids == expected
    torch.testing.assert_close(other.policy_weights()[0].mean_LK, means_LK[-1])
