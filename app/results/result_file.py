"""The result files of a collection: where they lie, and whether they belong to these adapters."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.models.collection import Collection
from analysis.models.manifest import COLLECTIONS
from analysis.models.provenance import Provenance, provenance

if TYPE_CHECKING:
    from analysis.benchmark.joined import JoinedResults
    from analysis.benchmark.results import BenchmarkResult

_log = logging.getLogger(__name__)

FOLDER = COLLECTIONS.parent / "results"
FILE = "results.json"
"""Name of the result file that lies beside the manifest of a collection of one's own."""


@dataclass(frozen=True)
class ResultFile:
    """A result file as far as it can be shown.

    Attributes:
        results: The results; None where there are none to show.
        problem: Why there are none; empty where the file is merely missing.
        differing: The parts that the results were made with and the page does not have, such as
            `base` and `adapters`.
        parts: The files of benchmarks that asked a part of the items, such as one of many methods.
            The finding and the goals speak of none of them.
    """

    results: JoinedResults | None
    problem: str = ""
    differing: tuple[str, ...] = ()
    parts: tuple[ResultFile, ...] = ()

    @property
    def runs(self) -> tuple[BenchmarkResult, ...]:
        """The benchmarks of this file, without those of its parts."""
        return () if self.results is None else self.results.runs


def path_of(collection: Collection) -> Path:
    """The place of a collection's result file."""
    if collection.folder.parent == COLLECTIONS:
        return FOLDER / f"{collection.folder.name}.json"
    return collection.folder / FILE


def part_paths(collection: Collection) -> Sequence[Path]:
    """The files beside a collection's result file that hold parts, such as `results.part.json`."""
    path = path_of(collection)
    return sorted(path.parent.glob(f"{escape(path.stem)}.part*.json"))


def read(collection: Collection) -> ResultFile:
    """Reads a collection's result files; a file that cannot be used becomes a message."""
    path = path_of(collection)
    if not path.is_file():
        return ResultFile(None)
    parts = (_read(part, collection) for part in part_paths(collection))
    return replace(_read(path, collection), parts=tuple(parts))


def _read(path: Path, collection: Collection) -> ResultFile:
    # Reading the page's other tabs needs none of the benchmark's modules.
    from analysis.benchmark.joined import read_results

    try:
        results = read_results(path)
    except InputError as error:
        # The message names a place on this machine, which is not a visitor's business.
        return ResultFile(None, str(error).replace(str(path), path.name))
    if not results.runs:
        return ResultFile(None, f"{path.name} holds no benchmark: join finished benchmarks.")
    return ResultFile(results, differing=_differing(collection, results))


def _differing(collection: Collection, results: JoinedResults) -> tuple[str, ...]:
    try:
        own = provenance(collection)
    except OSError:
        return ("adapters",)  # a file is missing: the loader reports it
    made = [run.settings.provenance for run in results.runs]
    return tuple(
        part
        for part, same in (("base", _same_base), ("adapters", _same_adapters))
        if not all(same(one, own) for one in made)
    )


def _same_base(made: Provenance, own: Provenance) -> bool:
    return _base(made) == _base(own)


def _base(source: Provenance) -> object:
    return [file.sha256 for file in source.base_files] or (source.base, source.revision)


def _same_adapters(made: Provenance, own: Provenance) -> bool:
    return len(made.adapters) == len(own.adapters) and all(
        one.sha256 == other.sha256
        # Files of an earlier version do not say how the adapters were configured.
        and one.config_sha256 in ("", other.config_sha256)
        for one, other in zip(made.adapters, own.adapters, strict=True)
    )
