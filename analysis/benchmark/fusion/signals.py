"""The routing of any signal of relevance over the items of tasks; no answer is generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.benchmark.fusion.routing import Routing, routing, signal_at
from analysis.benchmark.joined import JoinedResults
from analysis.benchmark.results import BenchmarkResult
from analysis.benchmark.tasks import Task
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.common.schema import as_json
from analysis.engine import Engine
from analysis.measure.signals import DIVERGENCE, signals
from analysis.measure.trace import POSITIONS
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection
from analysis.models.provenance import Provenance, provenance

SCHEMA, VERSION = "fusion-lens/routing", 1


@dataclass(frozen=True)
class TaskRouting:
    """The routing of several signals over one task.

    Attributes:
        task: Name of the task.
        routing: One for each signal that can route some item.
    """

    task: str
    routing: tuple[Routing, ...]


@dataclass(frozen=True)
class RoutingResult:
    """The routing of several signals over tasks.

    Attributes:
        provenance: The parts that the signals were read with.
        tasks: The routing over each task.
    """

    provenance: Provenance
    tasks: tuple[TaskRouting, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return as_json(self, SCHEMA, VERSION)


def readings_of(names: Sequence[str], settings: WeightSettings) -> dict[str, WeightSettings]:
    """The ways to read some signals, by the name that results have.

    Each signal is read as it is and over each adapter's usual one; one that is read at a token, at
    each position.
    """
    found = {}
    for name in names:
        signal = signals()[name]
        positions = POSITIONS if "position" in signal.uses else (settings.position,)
        for relative in (False, True):
            for position in positions:
                one = replace(settings, signal=name, position=position, relative=relative)
                found[_written(one)] = one
    return found


def route(
    engine: Engine,
    collection: Collection,
    tasks: Sequence[Task],
    readings: dict[str, WeightSettings],
    progress: Progress | None = None,
) -> RoutingResult:
    """How often each reading leads to the right adapters, with all adapters of a collection.

    Args:
        engine: The collection's.
        collection: The collection.
        tasks: The tasks.
        readings: From `readings_of`.
        progress: Told how far the work is.

    Raises:
        InputError: A question cannot be read.
    """
    count, done = sum(len(task.items) for task in tasks), 0
    found = []
    for task in tasks:
        values: dict[str, dict[str, dict[str, float]]] = {name: {} for name in readings}
        for item in task.items:
            if progress is not None:
                progress(f"reading signals, {task.name}", done / count)
            try:
                prompt = engine.prompt(item.instruction)
            except InputError as error:
                raise InputError(f"Task {task.name}, item {item.id}: {error}") from error
            for name, settings in readings.items():
                mean_K = engine.relevance(prompt, None, settings).values_LK.mean(dim=0)
                values[name][item.id] = dict(zip(engine.adapters, mean_K.tolist(), strict=True))
            done += 1
        routed = (routing(name, task.items, values[name], collection.adapters) for name in readings)
        found.append(TaskRouting(task.name, tuple(one for one in routed if one is not None)))
    return RoutingResult(provenance(collection, engine.computation), tuple(found))


def check_parts(results: JoinedResults, own: Provenance, tasks: Sequence[Task]) -> BenchmarkResult:
    """The benchmark of all adapters among some results, which routing may be added to.

    Args:
        results: The results.
        own: The parts that signals are read with.
        tasks: The tasks that are read.

    Raises:
        InputError: The results are of other tasks, adapters, base, precision or device, or hold no
            such benchmark.
    """
    run = next((one for one in results.runs if one.settings.selection.mode == "all"), None)
    if run is None:
        raise InputError("The results hold no benchmark of all adapters: run one with --all.")
    made = run.settings.provenance
    for name in ("base", "revision", "base_files", "adapters", "computation"):
        if getattr(own, name) != getattr(made, name):
            raise InputError(f"The results differ in {name}: read signals with the same parts.")
    asked = [(task.name, task.sha256) for task in tasks]
    if asked != [(task.name, task.sha256) for task in run.settings.tasks]:
        raise InputError("The results are of other task files: name the same files in their order.")
    return run


def with_routing(
    results: JoinedResults, found: RoutingResult, tasks: Sequence[Task]
) -> JoinedResults:
    """Results with the routing of further signals; what they have of a signal stays.

    Raises:
        InputError: As `check_parts`.
    """
    run = check_parts(results, found.provenance, tasks)
    extended = _with_routing(run, found.tasks)
    return replace(results, runs=tuple(extended if one is run else one for one in results.runs))


def _with_routing(run: BenchmarkResult, found: Sequence[TaskRouting]) -> BenchmarkResult:
    by_task = {one.task: one.routing for one in found}
    tasks = []
    for task in run.tasks:
        known = {one.signal for one in task.routing}
        new = (one for one in by_task.get(task.task, ()) if one.signal not in known)
        tasks.append(replace(task, routing=(*task.routing, *new)))
    return replace(run, tasks=tuple(tasks))


def _written(settings: WeightSettings) -> str:
    """The name of a reading, such as `size of the change, over its usual`."""
    signal = signals()[settings.signal]
    if settings.signal == DIVERGENCE:
        name = signal_at(settings.position)
    else:
        name = signal.label[:1].lower() + signal.label[1:]
        if "position" in signal.uses:
            name += signal_at(settings.position).removeprefix("mean divergence")
    return f"{name}, over its usual" if settings.relative else name
