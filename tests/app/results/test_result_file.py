"""The result file of a collection: found, missing, damaged, or of other adapters."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.__main__ import parser
from analysis.benchmark.entries import check_entries, selection
from analysis.benchmark.joined import read_results, write_results
from analysis.benchmark.results import BenchmarkResult
from analysis.benchmark.tasks import read_tasks
from analysis.commands import names_of
from analysis.models.collection import Collection
from analysis.models.manifest import COLLECTIONS, load_collection
from app.results.names import Names
from app.results.result_file import ResultFile, part_paths, path_of, read
from app.results.results_service import ResultsService
from app.results.views.findings_panel import FindingsPanel, findings_panel
from app.state.link_fields import LinkFields
from tests.made_results import write_part_file, write_result_file, write_tasks
from tests.tiny import model as tiny_model
from tests.tiny import tiny_collection, write_adapter


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return load_collection(
        tiny_collection(tmp_path / "tiny", ("math", "spanish", "code", "russian", "medical"))
    )


def findings(collection: Collection) -> FindingsPanel:
    return findings_panel(read(collection), collection, Names.of(collection))


def test_a_bundled_collection_has_its_file_among_the_assets() -> None:
    path = path_of(load_collection())
    assert path == COLLECTIONS.parent / "results" / "gemma-3-270m.json"


def test_without_a_file_the_page_says_how_to_make_one(collection: Collection) -> None:
    panel = findings(collection)
    assert panel.state == "missing" and "no results" in panel.sentence
    assert len(panel.commands) == 3 and "--join" in panel.commands[-1]
    assert "oracle-pair" in panel.commands[0] and "--pair" in panel.commands[1]
    assert str(collection.folder) not in " ".join(panel.commands)


@pytest.mark.parametrize("name", ["gemma-3-270m", "smollm2-135m", "tiny"])
def test_the_printed_commands_are_accepted(
    collection: Collection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = collection if name == "tiny" else load_collection(COLLECTIONS / name)
    monkeypatch.chdir(COLLECTIONS.parents[1])
    panel = findings_panel(ResultFile(None), chosen, Names.of(chosen))
    asked = {"gemma-3-270m": 9, "smollm2-135m": 1, "tiny": 6}[name]
    for command in panel.commands[:-1]:
        args = parser().parse_args(shlex.split(command)[3:])
        assert len(args.tasks) == asked
        methods = names_of(",".join(args.methods)) or ()
        # Refuses methods that are not there, and items without a pair.
        check_entries(read_tasks(args.tasks), methods, selection(chosen, args.pair, None), chosen)
    join = parser().parse_args(shlex.split(panel.commands[-1])[3:])
    assert [str(folder) for folder in join.join] == ["runs/all", "runs/pair"]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "fusion-lens/results", "version": 99}'])
def test_a_damaged_or_newer_file_gives_a_message(collection: Collection, text: str) -> None:
    path_of(collection).write_text(text, encoding="utf-8")
    panel = findings(collection)
    assert panel.state == "failed" and "cannot be shown" in panel.sentence
    assert str(collection.folder) not in panel.sentence


def test_a_good_file_says_what_it_was_made_of(collection: Collection, tmp_path: Path) -> None:
    write_result_file(path_of(collection), collection, write_tasks(tmp_path))
    panel = findings(collection)
    assert (panel.state, panel.warning) == ("found", "")
    assert panel.facts[1:] == ("93 items in 4 tasks", "base", "float32 on CPU", "31 May 2026")
    assert any(value.startswith("SHA-256 ") for _, value in panel.details)


def test_other_adapters_are_named(collection: Collection, tmp_path: Path) -> None:
    path = path_of(collection)
    write_result_file(path, collection, write_tasks(tmp_path))
    results = read_results(path)
    config = collection.adapters[0].folder / "adapter_config.json"
    config.write_bytes(config.read_bytes() + b" ")
    assert "other files of the adapters" in findings(collection).warning

    def of_earlier_version(run: BenchmarkResult) -> BenchmarkResult:
        made = run.settings.provenance
        known = tuple(replace(one, config_sha256="") for one in made.adapters)
        source = replace(made, adapters=known)
        return replace(run, settings=replace(run.settings, provenance=source))

    write_results(replace(results, runs=tuple(map(of_earlier_version, results.runs))), path)
    assert findings(collection).warning == ""  # it does not know the configurations
    write_adapter(collection.adapters[0].folder, tiny_model(), seed=99)
    assert "other files of the adapters" in findings(collection).warning


def test_parts_are_found_by_their_names(collection: Collection, tmp_path: Path) -> None:
    path = path_of(collection)
    part = path.with_name("results.part-b.json")
    write_part_file(part, collection, write_tasks(tmp_path), 3)
    assert read(collection) == ResultFile(None)  # a part alone is no result
    for name in ("results.json", "results.part-a.json", "results.old.json", "other.part.json"):
        path.with_name(name).write_bytes(part.read_bytes())
    names = [found.name for found in part_paths(collection)]
    assert names == ["results.part-a.json", "results.part-b.json"]
    file = read(collection)
    assert [len(one.runs) for one in (file, *file.parts)] == [1, 1, 1]


def test_a_damaged_part_hides_no_result(collection: Collection, tmp_path: Path) -> None:
    path = path_of(collection)
    write_part_file(path, collection, write_tasks(tmp_path), 3)
    whole = findings(collection)
    part = path.with_name("results.part.json")
    part.write_bytes(path.read_bytes().replace(b"es-math-1", b"es-math-x"))
    panel = findings(collection)
    assert panel.warning.startswith("A part of the results cannot be shown. results.part.json does")
    assert "digest" in panel.warning and str(collection.folder) not in panel.warning
    assert replace(panel, warning="") == whole


def test_a_part_of_other_adapters_is_told_from_the_results(
    collection: Collection, tmp_path: Path
) -> None:
    tasks, path = write_tasks(tmp_path), path_of(collection)
    write_part_file(path.with_name("results.part.json"), collection, tasks, 3)
    write_adapter(collection.adapters[0].folder, tiny_model(), seed=99)
    write_part_file(path, collection, tasks, 3)
    (part,) = read(collection).parts
    assert (read(collection).differing, part.differing) == ((), ("adapters",))
    assert findings(collection).warning == ""  # it speaks of the full benchmarks
    service = ResultsService(collection, LinkFields())
    assert [service.tables(place)["scores"].tag for place in (0, 1)] == [
        "", "of other adapters",
    ]  # fmt: skip
