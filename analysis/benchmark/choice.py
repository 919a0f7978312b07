"""The methods that a benchmark runs: those that were asked for, if they can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.benchmark.entries import Entry, Selection, fused_adapters, fusing, with_all
from analysis.benchmark.tasks import Task
from analysis.catalogue.availability import unavailable
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection


def runnable(
    names: Sequence[str],
    tasks: Sequence[Task],
    chosen: Selection,
    collection: Collection,
    engine: Engine,
    weight_settings: WeightSettings,
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The names to run, and why the rest of `all` is left out; computes nothing.

    A method is left out where it cannot run for some of the items, so that all methods have the
    same items.

    Args:
        names: The names that were asked for, `all` among them or not.
        tasks: The tasks.
        chosen: The adapters that are fused.
        collection: The collection.
        engine: The collection's.
        weight_settings: How divergences are read and turned into weights.

    Raises:
        InputError: A method that was named needs something that is not there, or no method is left.
    """
    whole = with_all(names)
    # The fused adapters alone matter, so an item of each choice of them stands for all.
    items = {
        fused_adapters(Entry("", "method", ""), item, chosen, collection): item
        for task in tasks
        for item in task.items
    }
    reasons: dict[str, str] = {}
    for adapters, item in items.items():
        context = engine.context(engine.prompt(item.instruction), adapters, weight_settings)
        for name, reason in unavailable(fusing(whole), context).items():
            reasons.setdefault(name, str(reason))
    for name, fault in reasons.items():
        if name in names:
            raise InputError(f"Method {name!r} cannot run: {fault}")
    return tuple(name for name in whole if name not in reasons), reasons
