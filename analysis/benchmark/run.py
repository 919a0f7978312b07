"""A benchmark from task files to its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from analysis.benchmark.choice import runnable
from analysis.benchmark.entries import Entry, Selection, check_entries, entries_of
from analysis.benchmark.execution.batch_runner import BatchRunner
from analysis.benchmark.execution.batches import Batch, batches_of, remaining
from analysis.benchmark.execution.claims import Claims
from analysis.benchmark.execution.journal import Journal
from analysis.benchmark.execution.processes import Processes
from analysis.benchmark.execution.reuse import reuse
from analysis.benchmark.programs.candidates import reference_program
from analysis.benchmark.programs.sandbox import check_sandbox, run_tests
from analysis.benchmark.results import RESULT, BenchmarkResult
from analysis.benchmark.settings import Settings, settings_of
from analysis.benchmark.summary import summarise
from analysis.benchmark.tasks import Item, Task, read_tasks
from analysis.common.errors import InputError
from analysis.common.progress import Progress, time_left
from analysis.engine import Engine
from analysis.measure.relevance.shortlist import check_length
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection


@dataclass(frozen=True)
class BenchmarkRequest:
    """The request for a benchmark.

    Attributes:
        tasks: The task files.
        methods: Names of methods; `adapter:*` for each adapter alone, `oracle-pair`, `best-single`;
            `all` for every other method that can run.
        selection: The adapters to fuse.
        limit: The most items of each task, from the top; None for all.
        seed: Of the bootstrap.
        weight_settings: How divergences are read and turned into weights.
        dtype: Precision of base and adapters, one of `base_model.DTYPES`.
        device: Device of the base; None for that of each process.
        shortlist: Of more adapters, as many are fused as are expected to lead; None for all.
        reuse: Folder of a benchmark of the same items, whose answers are taken where this one would
            compute the same again.
    """

    tasks: tuple[Path, ...]
    methods: tuple[str, ...]
    selection: Selection
    limit: int | None = None
    seed: int = 0
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    dtype: str = "float32"
    device: str | None = None
    shortlist: int | None = None
    reuse: Path | None = None


def run_benchmark(
    collection: Collection,
    request: BenchmarkRequest,
    folder: Path,
    progress: Progress | None = None,
    processes: Processes | None = None,
    note: Callable[[str], None] | None = None,
) -> BenchmarkResult | None:
    """Runs a benchmark, or continues one, and writes its result.

    The folder gets `settings.json`, the results of each item as `items-*.jsonl` while they are
    made, and `result.json`. A run that was interrupted goes on after its last whole step and ends
    with the same result.

    Args:
        collection: The collection.
        request: The tasks, methods and settings.
        folder: The folder; made if it is not there.
        progress: Told how far the work is and how long the rest will take.
        processes: The processes that share the work; this one alone by default.
        note: Told, in a sentence each, which methods of `all` are left out and why, and what an
            earlier run has left.

    Returns:
        The result; None in all processes but the first.

    Raises:
        InputError: A task file or a setting cannot be used (found before a model is loaded), a
            method that was named needs something that is not there, a question is too long, or the
            folder belongs to other settings or to a run that is on.
    """
    group = processes or Processes()
    tell = progress or (lambda what, share: None)
    tell("reading tasks", 0.0)
    request.weight_settings.check()
    if request.shortlist is not None:
        check_length(request.shortlist)
    if request.limit is not None and request.limit < 1:
        raise InputError(f"--limit is {request.limit}: take at least 1.")
    tasks = read_tasks(request.tasks, request.limit, _unfit)
    check_entries(tasks, request.methods, request.selection, collection)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made ({error.strerror}): give another --out."
        ) from error
    with _alone(folder) if group.first else nullcontext():
        engine = Engine.load(collection, tell, request.dtype, request.device or group.device)
        # It reads every question, so that a fault is named with its item.
        runner = BatchRunner(
            engine,
            collection,
            tasks,
            request.selection,
            request.weight_settings,
            request.shortlist,
        )
        chosen = (request.selection, collection)
        names, left_out = runnable(request.methods, tasks, *chosen, engine, request.weight_settings)
        for name, reason in left_out.items():
            if note is not None:
                note(f"{name} is left out: {reason}")
        settings = settings_of(
            tasks,
            names,
            request.selection,
            collection,
            engine.computation,
            limit=request.limit,
            seed=request.seed,
            weight_settings=request.weight_settings,
            shortlist=request.shortlist,
        )
        journal, claims = Journal(folder), Claims(folder)
        if group.first:
            journal.open(settings)
            if note is not None and (there := len(journal.read())):
                note(f"{there} answers of an earlier run are in {folder}: it goes on after them")
        entries = {task.name: entries_of(task, names, *chosen) for task in tasks}
        if group.first and request.reuse is not None:
            taken = reuse(journal, settings, request.reuse, tasks, entries, collection)
            if note is not None:
                note(f"{taken} answers are taken from {request.reuse}")
        if group.first:
            claims.clear()
        # All processes must see the same results before one of them adds to them.
        group.wait()
        batches = _batches(tasks, entries, runner, settings)
        left = remaining(batches, journal.read(), journal.taken())
        group.wait()
        _answer(left, runner, journal, claims, group.rank, tell)
        tell("waiting for the other processes" if group.count > 1 else "comparing", 1.0)
        group.wait()
        if not group.first:
            return None
        # A process that an earlier run has left may have claimed a batch.
        claims.clear()
        left = remaining(batches, journal.read(), journal.taken())
        _answer(left, runner, journal, claims, group.rank, tell)
        claims.clear()
        result = summarise(
            settings, tasks, entries, journal.read(), journal.fusions(), collection.adapters
        )
        written = json.dumps(result.as_json(), ensure_ascii=False)
        part = folder / f"{RESULT}.part"
        part.write_text(written + "\n", encoding="utf-8")
        part.replace(folder / RESULT)
        return result


def _unfit(item: Item) -> str:
    """The fault of an item whose own solution does not pass its tests, or ""."""
    if item.type != "function":
        return ""
    check_sandbox()
    program = reference_program(item)
    if program is None:
        return f"reference defines no function {item.entry_point!r}"
    ended = run_tests(program, item)
    return "" if ended == "passed" else f"reference does not pass test ({ended})"


def _batches(
    tasks: Sequence[Task],
    entries: Mapping[str, tuple[Entry, ...]],
    runner: BatchRunner,
    settings: Settings,
) -> list[Batch]:
    return [
        batch
        for task in tasks
        for batch in batches_of(
            task,
            tuple(entry for entry in entries[task.name] if entry.method),
            settings.batch_rows,
            partial(runner.prompt_tokens, task.name),
            settings.step_entries,
        )
    ]


def _answer(
    batches: Sequence[Batch],
    runner: BatchRunner,
    journal: Journal,
    claims: Claims,
    rank: int,
    tell: Progress,
) -> None:
    """Answers the batches that no other process has begun, and notes each step's results."""
    whole = sum(batch.tokens(step) for batch in batches for step in batch.steps)
    began, done = time.monotonic(), 0
    for number, batch in enumerate(batches, start=1):
        own = claims.claim(batch)
        for step in batch.steps:
            work = batch.tokens(step)
            if own:
                of = f"batch {number} of {len(batches)}, {batch.task}"
                report = _within(tell, of, (done / whole, work / whole), began)
                journal.add(rank, *runner.answer(batch, step, report))
            done += work


def _within(tell: Progress, of: str, part: tuple[float, float], began: float) -> Progress:
    """The progress of a step, told as that of the whole.

    Args:
        tell: Told of the whole.
        of: Name of the batch.
        part: The share of the whole before the step, and that of the step.
        began: When the whole began.
    """

    def report(what: str, share: float) -> None:
        now = part[0] + share * part[1]
        tell(f"{of}, {what}{time_left(time.monotonic() - began, now, 1.0)}", now)

    return report


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds a folder, so that no second run writes to it at the same time."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"{folder} is in use by a benchmark: wait, or give another --out."
        ) from error
    try:
        yield
    finally:
        lock.release()
