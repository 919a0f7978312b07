"""Finished benchmarks of the same items, joined into one file that other programs read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from analysis.benchmark.results import RESULT, BenchmarkResult, ItemResult
from analysis.benchmark.results import SCHEMA as RUN_SCHEMA
from analysis.benchmark.results import VERSION as RUN_VERSION
from analysis.common.errors import InputError
from analysis.common.schema import as_json, check_schema, from_json

SCHEMA, VERSION = "fusion-lens/results", 1


@dataclass(frozen=True)
class JoinedResults:
    """Several benchmarks of the same tasks with the same base and adapters.

    Attributes:
        runs: The benchmarks, such as one of all adapters and one of each item's pair. Their answers
            have no option losses and no seconds.
        date: The day on which the last of the benchmarks ended, such as `2026-05-31`.
    """

    runs: tuple[BenchmarkResult, ...]
    date: str = ""


def join_results(
    folders: Sequence[Path], note: Callable[[str], None] | None = None
) -> JoinedResults:
    """Joins the results in the folders of finished benchmarks.

    Benchmarks that fused the same adapters with the same settings become one, whose methods are
    compared anew. The order of the first one's tasks becomes that of all.

    Args:
        folders: The folders.
        note: Told in a sentence where two benchmarks give different answers by the same method.

    Raises:
        InputError: A folder has no result, or the benchmarks do not belong together.
    """
    first, *rest = (_finished(folder) for folder in folders)
    runs = (first, *(_in_order_of(first, run) for run in rest))
    for folder, run in zip(folders[1:], runs[1:], strict=True):
        for name in ("tasks", "prompt_form", "stop", "new_tokens", "provenance"):
            if getattr(run.settings, name) != getattr(runs[0].settings, name):
                raise InputError(
                    f"{folders[0]} and {folder} differ in {name}: join benchmarks of the same "
                    "items, base and adapters."
                )
    digests = [run.settings_digest for run in runs]
    if len(set(digests)) < len(digests):
        raise InputError("Two of the benchmarks are the same: name each folder once.")
    # Imported here, because reading a file needs no torch.
    from analysis.benchmark.merged import merged

    runs = tuple(_compact(run) for run in merged(runs, note))
    ended = max((folder / RESULT).stat().st_mtime for folder in folders)
    return JoinedResults(runs, date.fromtimestamp(ended).isoformat())


def write_results(results: JoinedResults, path: Path) -> None:
    """Writes joined results with the digest of their content.

    Raises:
        InputError: The file cannot be written.
    """
    content = as_json(results, SCHEMA, VERSION)
    for run in content["runs"]:
        run["answers"] = _packed(run["answers"])
    written = json.dumps({**content, "digest": _digest(content)}, **_COMPACT)
    try:
        path.write_text(written + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): give another --out."
        ) from error


def read_results(path: Path) -> JoinedResults:
    """Reads joined results.

    Raises:
        InputError: The file cannot be read, is of another version, or was changed.
    """
    content = _read(path)
    check_schema(content, SCHEMA, VERSION)
    digest = content.pop("digest", None)
    if digest != _digest(content):
        raise InputError(f"{path} does not match its digest: join the benchmarks again.")
    try:
        for run in content["runs"]:
            run["answers"] = _unpacked(run["answers"])
        return from_json(JoinedResults, content)
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): join the benchmarks again.") from error


def _packed(answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of each task and method as rows, which name their columns once."""
    rows: dict[tuple[str, str], list[list[Any]]] = {}
    for answer in answers:
        own = rows.setdefault((answer["task"], answer["method"]), [])
        own.append([answer[name] for name in _COLUMNS])
    return [
        {"task": task, "method": method, "columns": list(_COLUMNS), "rows": found}
        for (task, method), found in rows.items()
    ]


def _unpacked(packed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"task": part["task"], "method": part["method"]}
        | dict(zip(part["columns"], row, strict=True))
        for part in packed
        for row in part["rows"]
    ]


_COLUMNS = ("item", "text", "end", "extracted", "right", "in_language", "both", "loss")
_COMPACT: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}


def _finished(folder: Path) -> BenchmarkResult:
    path = folder / RESULT
    if not path.is_file():
        raise InputError(f"{folder} has no {RESULT}: let the benchmark run to its end first.")
    content = _read(path)
    check_schema(content, RUN_SCHEMA, RUN_VERSION)
    try:
        return from_json(BenchmarkResult, content)
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): make the result again.") from error


def _in_order_of(first: BenchmarkResult, run: BenchmarkResult) -> BenchmarkResult:
    """A benchmark with its tasks in the order in which another has them."""
    places = {file.name: place for place, file in enumerate(first.settings.tasks)}

    def place(name: str) -> int:
        return places.get(name, len(places))

    files = sorted(run.settings.tasks, key=lambda file: place(file.name))
    settings = replace(run.settings, tasks=tuple(files))
    tasks = tuple(sorted(run.tasks, key=lambda task: place(task.task)))
    return replace(run, settings=settings, settings_digest=settings.digest, tasks=tasks)


def _compact(run: BenchmarkResult) -> BenchmarkResult:
    return replace(run, answers=tuple(_short(answer) for answer in run.answers))


def _short(answer: ItemResult) -> ItemResult:
    loss = None if answer.loss is None else round(answer.loss, 4)
    return replace(answer, option_losses=(), loss=loss, seconds=0.0)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a file of results.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no object: give a file of results.")
    return content


def _digest(content: dict[str, Any]) -> str:
    written = json.dumps(content, sort_keys=True, **_COMPACT)
    return hashlib.sha256(written.encode()).hexdigest()
