"""Result files of made-up answers: the statistics are the harness's, and no model runs."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from analysis.benchmark.adapter_pairs import find_pair
from analysis.benchmark.entries import Selection, entries_of, selection
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.joined import JoinedResults, write_results
from analysis.benchmark.results import BenchmarkResult, ItemResult
from analysis.benchmark.settings import settings_of
from analysis.benchmark.summary import summarise
from analysis.benchmark.tasks import Item, Task, read_tasks
from analysis.measure.trace import POSITIONS
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection
from analysis.models.provenance import Computation
from tests.tiny import LAYERS

METHODS = ("base", "adapter:*", "static", "sum", "qa-flora", "best-single")
PART_METHODS = ("static", "sum", "qa-flora", "oracle-pair")
SKILLS: Mapping[str, float] = {"base": 0.05, "static": 0.25, "sum": 0.3, "qa-flora": 0.8}
"""The share of items that each method is made to answer right."""

_ALONE = 0.15
_LINES = [
    *(
        {
            "id": f"{lang}-math-{number}", "lang": lang, "domain": "math", "type": "numeric",
            "instruction": f"¿Cuánto es {number} + {number}?", "answer": 2 * number,
            "cluster": f"c{number // 2}",
        }
        for lang in ("es", "ru")
        for number in range(40)
    ),
    *(
        {
            "id": f"es-medical-{number}", "lang": "es", "domain": "medical", "type": "mcq",
            "instruction": f"¿Qué vitamina {number}?", "choices": ["A", "B", "C", "D"], "gold": 1,
            "answer": "Es la B.",
        }
        for number in range(12)
    ),
    {
        "id": "es-code-1", "lang": "es", "domain": "code", "type": "function",
        "instruction": "Escribe f(a).", "entry_point": "f", "reference": "def f(a):\n    return a",
        "test": "assert f(1) == 1",
    },
]  # fmt: skip


def write_tasks(folder: Path) -> tuple[Path, ...]:
    """Writes small task files: mathematics in two languages, medicine and code in one."""
    files: dict[str, list[str]] = {}
    for line in _LINES:
        name = f"{line['lang']}_{line['domain']}"
        files.setdefault(name, []).append(json.dumps(line, ensure_ascii=False))
    paths = []
    for name, lines in files.items():
        paths.append(folder / f"{name}.jsonl")
        paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tuple(paths)


def make_result(
    collection: Collection,
    tasks: Sequence[Task],
    chosen: Selection,
    *,
    methods: Sequence[str] = METHODS,
    skills: Mapping[str, float] = SKILLS,
    layers: int = LAYERS,
    limit: int | None = None,
) -> BenchmarkResult:
    """A benchmark whose answers are drawn at random from a seed.

    `limit` is what the settings say; the tasks hold no more items.
    """
    draw = random.Random(0)
    entries = {task.name: entries_of(task, methods, chosen, collection) for task in tasks}
    answers, fusions = {}, {}
    for task in tasks:
        asked = [entry for entry in entries[task.name] if entry.method]
        for entry, item in product(asked, task.items):
            right = draw.random() < skills.get(entry.name, _ALONE)
            answers[task.name, entry.name, item.id] = _answer(
                task.name, entry.name, item, right, draw
            )
            if entry.name in ("static", "qa-flora"):
                fusions[task.name, entry.name, item.id] = _fusion(
                    task.name, entry.name, item, chosen, collection, draw, layers
                )
    settings = settings_of(
        tasks,
        methods,
        chosen,
        collection,
        Computation("float32", "cpu"),
        limit=limit,
        seed=0,
        weight_settings=WeightSettings(),
    )
    return summarise(settings, tasks, entries, answers, fusions, collection.adapters)


def write_result_file(path: Path, collection: Collection, tasks: Sequence[Path]) -> JoinedResults:
    """Writes a file of two benchmarks of a collection: of all adapters, and of each item's pair."""
    read = read_tasks(tasks)
    results = JoinedResults(
        tuple(make_result(collection, read, selection(collection, pair, None))
              for pair in (False, True)),
        "2026-05-31",
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_results(results, path)
    return results


def write_part_file(
    path: Path, collection: Collection, tasks: Sequence[Path], limit: int
) -> BenchmarkResult:
    """Writes a file of one benchmark of the first items of each task, with all adapters."""
    read = read_tasks(tasks, limit)
    chosen = selection(collection, False, None)
    run = make_result(collection, read, chosen, methods=PART_METHODS, limit=limit)
    write_results(JoinedResults((run,), "2026-05-31"), path)
    return run


def _answer(task: str, method: str, item: Item, right: bool, draw: random.Random) -> ItemResult:
    in_language = None if item.type == "function" else draw.random() < 0.9
    extracted: str | None
    if item.type == "function":
        extracted, both = "passed" if right else "failed", right
    else:
        gold = item.choices[item.gold] if item.gold is not None else f"{item.answer:g}"
        extracted = gold if right else None if draw.random() < 0.2 else "7"
        both = right and bool(in_language)
    return ItemResult(
        task=task,
        method=method,
        item=item.id,
        text=f"{method}: <b>{extracted}</b>",
        end="stop",
        extracted=extracted,
        right=right,
        in_language=in_language,
        both=both,
        loss=draw.gauss(2 - right, 0.2) if item.gold_answer else None,
    )


def _fusion(
    task: str,
    method: str,
    item: Item,
    chosen: Selection,
    collection: Collection,
    draw: random.Random,
    layers: int,
) -> ItemFusion:
    pair = [entry.name for entry in find_pair(item, collection.adapters) or ()]
    names = tuple(pair) if chosen.mode == "pair" else chosen.adapters
    raw_LK = np.array([[draw.random() + 2 * (name in pair) for name in names]] * layers)
    weights_LK = raw_LK / raw_LK.sum(axis=1, keepdims=True)
    if method == "static":
        weights_LK = np.full_like(raw_LK, 1 / len(names))
    return ItemFusion(
        task=task,
        method=method,
        item=item.id,
        adapters=names,
        weights_LK=tuple(tuple(map(float, row)) for row in weights_LK),
        divergences=dict.fromkeys(POSITIONS, tuple(map(float, raw_LK[0]))),
    )
