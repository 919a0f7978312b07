"""The journal of a benchmark: item results and fusions in JSON lines, added as batches finish.

Each process writes files of its own, and what an earlier benchmark gave has one; all files are read
when a run goes on, that one last. A line that was not written to its end is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.results import ItemResult
from analysis.benchmark.settings import Settings
from analysis.common.errors import InputError
from analysis.common.schema import from_json

SETTINGS = "settings.json"
_FILES = "items-*.jsonl"
_FUSIONS = "fusions-*.jsonl"
_TAKEN = "taken"

Key = tuple[str, str, str]
T = TypeVar("T", ItemResult, ItemFusion)


class Journal:
    """The item results in one folder.

    Args:
        folder: The folder, which is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, settings: Settings) -> None:
        """Notes the settings of a new run, or checks those of a run that goes on.

        Raises:
            InputError: The folder holds results of other settings.
        """
        path = self._folder / SETTINGS
        if not path.is_file():
            if any(self._folder.glob(_FILES)):
                raise InputError(
                    f"{self._folder} holds item results without {SETTINGS}: give another --out."
                )
            content = {"digest": settings.digest, **settings.plain()}
            # In one step, so that a kill leaves either no file or a whole one.
            part = path.with_suffix(".part")
            part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            part.replace(path)
            return
        found = self.settings() or {}
        if found.get("digest") != settings.digest:
            differing = _differing(found, settings.plain())
            raise InputError(
                f"{self._folder} holds a benchmark with other settings "
                f"({', '.join(differing) or 'digest'}): give another --out."
            )

    def settings(self) -> dict[str, Any] | None:
        """The settings of the run as plain data; None where the folder has none.

        Raises:
            InputError: They cannot be read.
        """
        path = self._folder / SETTINGS
        if not path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}): give another folder.") from error
        return found

    def read(self) -> dict[Key, ItemResult]:
        """All results that are there, by task, method and item.

        Raises:
            InputError: A whole line cannot be read.
        """
        return _by_key(self._folder, _FILES, ItemResult)

    def taken(self) -> set[Key]:
        """Task, method and item of the results that an earlier benchmark gave.

        Raises:
            InputError: A whole line cannot be read.
        """
        return set(_by_key(self._folder, f"items-{_TAKEN}.jsonl", ItemResult))

    def take(self, results: Sequence[ItemResult], fusions: Sequence[ItemFusion]) -> None:
        """Adds what an earlier benchmark gave."""
        self._add(_TAKEN, results, fusions)

    def fusions(self) -> dict[Key, ItemFusion]:
        """All fusions that are there, by task, method and item.

        Raises:
            InputError: A whole line cannot be read.
        """
        return _by_key(self._folder, _FUSIONS, ItemFusion)

    def add(
        self, rank: int, results: Sequence[ItemResult], fusions: Sequence[ItemFusion] = ()
    ) -> None:
        """Adds the results of a finished step.

        Args:
            rank: Index of the process, which alone writes its files.
            results: The results.
            fusions: The fusions of the same step.
        """
        self._add(str(rank), results, fusions)

    def _add(
        self, writer: str, results: Sequence[ItemResult], fusions: Sequence[ItemFusion]
    ) -> None:
        # The results come last: a step whose results are there has its fusions too.
        if fusions:
            _add_lines(self._folder / f"fusions-{writer}.jsonl", fusions)
        _add_lines(self._folder / f"items-{writer}.jsonl", results)


def _by_key(folder: Path, files: str, kind: type[T]) -> dict[Key, T]:
    """The records in the whole lines of files, by task, method and item."""
    found: dict[Key, T] = {}
    for path in sorted(folder.glob(files)):
        lines = path.read_bytes().split(b"\n")[:-1]
        for number, line in enumerate(lines, start=1):
            try:
                one = from_json(kind, json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(
                    f"{path}, line {number} is damaged ({error}): take the line out."
                ) from error
            found[one.task, one.method, one.item] = one
    return found


def _add_lines(path: Path, results: Sequence[Any]) -> None:
    lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in results)
    with path.open("ab+") as file:
        _forget_half_line(file, path)
        file.write(lines.encode())


def _forget_half_line(file: Any, path: Path) -> None:
    """Cuts a line off that a kill left without an end."""
    size = file.seek(0, 2)
    if not size:
        return
    file.seek(size - 1)
    if file.read(1) != b"\n":
        file.truncate(path.read_bytes().rfind(b"\n") + 1)
    file.seek(0, 2)


def _differing(found: dict[str, Any], own: dict[str, Any]) -> list[str]:
    return [name for name, value in own.items() if found.get(name) != value]
