"""Finished benchmarks joined into one file, and the reader of such files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.benchmark.entries import Selection, selection
from analysis.benchmark.joined import JoinedResults, join_results, read_results, write_results
from analysis.benchmark.merged import merged
from analysis.benchmark.results import RESULT, BenchmarkResult
from analysis.benchmark.run import BenchmarkRequest, run_benchmark
from analysis.benchmark.tasks import read_tasks
from analysis.common.errors import InputError
from analysis.models.manifest import load_collection
from tests.made_results import METHODS, make_result, write_tasks
from tests.tiny import tiny_collection

LINES = [
    {"id": "1", "lang": "es", "domain": "math", "type": "numeric", "instruction": "2 + 3 = ?",
     "answer": 5, "template": "sum"},
    {"id": "2", "lang": "es", "domain": "math", "type": "mcq", "instruction": "¿2 + 2?",
     "answer": "Son cuatro.", "choices": ["cuatro", "cinco"], "gold": 0},
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three finished benchmarks: `all` and `pair` of the same items, `other`."""
    folder = tmp_path_factory.mktemp("joined")
    collection = load_collection(tiny_collection(folder / "tiny", ("math", "spanish", "code")))
    task = folder / "sums.jsonl"
    task.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    request = BenchmarkRequest((task,), ("static", "qa-flora"), selection(collection, False, None))
    run_benchmark(collection, request, folder / "all")
    of_pair = replace(request, selection=selection(collection, True, None))
    run_benchmark(collection, of_pair, folder / "pair")
    run_benchmark(collection, replace(request, limit=1), folder / "other")
    return folder


def test_the_joined_file_holds_both_benchmarks(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    command = ["benchmark", "--join", str(folder / "all"), str(folder / "pair")]
    assert main([*command, "--out", str(path)]) == 0
    found = read_results(path)
    assert found == join_results([folder / "all", folder / "pair"])
    assert [run.settings.selection.mode for run in found.runs] == ["all", "pair"]
    for run, name in zip(found.runs, ("all", "pair"), strict=True):
        content = json.loads((folder / name / "result.json").read_text(encoding="utf-8"))
        assert run.settings.plain() == content["settings"]
        assert [one.text for one in run.answers] == [one["text"] for one in content["answers"]]
        plain = json.loads(json.dumps(run.as_json()))
        assert (plain["tasks"], plain["groups"]) == (content["tasks"], content["groups"])
        assert isinstance(run, BenchmarkResult)
    assert found.runs[0].tasks[0].items[0].more == {"template": "sum"}
    assert "option_losses" not in path.read_text(encoding="utf-8")


def test_the_reader_needs_no_torch(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(join_results([folder / "all"]), path)
    code = (
        "import sys, pathlib; from analysis.benchmark.joined import read_results; "
        "read_results(pathlib.Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code, str(path)], cwd=root).returncode == 0


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["all", "other"], "differ in tasks"),
        (["all", "all"], "are the same"),
        (["all", "none"], "has no result.json"),
    ],
)
def test_benchmarks_that_do_not_belong_together_are_refused(
    folder: Path, names: list[str], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        join_results([folder / name for name in names])


def test_benchmarks_of_other_methods_become_one_and_are_compared_anew(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path, ("math", "spanish", "russian", "code")))
    tasks = read_tasks(write_tasks(tmp_path)[:2], limit=8)
    chosen = selection(collection, False, None)
    whole = make_result(collection, tasks, chosen)
    # The answers are drawn in the order of the methods: these two have those of the whole.
    parts = [of_methods(whole, METHODS[:3]), of_methods(whole, ("static", *METHODS[3:]))]
    pair = make_result(collection, tasks, Selection("pair"))
    said: list[str] = []
    found = merged([parts[0], pair, parts[1]], said.append)
    assert found == (whole, pair) and not said
    assert found[0].tasks[0].comparisons != parts[0].tasks[0].comparisons
    # An answer that differs is told, and the first one counts.
    answers = [
        replace(one, text="!") if one.method == "static" else one for one in parts[1].answers
    ]
    assert merged([parts[0], replace(parts[1], answers=tuple(answers))], said.append) == (whole,)
    count = sum(one.method == "static" for one in answers)
    assert said == [
        f"static: {count} answers differ between two of the runs; the first run's count."
    ]


def test_the_order_of_the_task_files_does_not_matter(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path, ("math", "spanish", "russian", "code")))
    tasks = read_tasks(write_tasks(tmp_path)[:2], limit=8)
    whole = make_result(collection, tasks, selection(collection, False, None))
    first, second = of_methods(whole, METHODS[:3]), of_methods(whole, ("static", *METHODS[3:]))
    settings = replace(second.settings, tasks=second.settings.tasks[::-1])
    turned = replace(
        second, settings=settings, settings_digest=settings.digest, tasks=second.tasks[::-1]
    )
    folders = [tmp_path / name for name in ("first", "second", "turned")]
    for folder, run in zip(folders, (first, second, turned), strict=True):
        folder.mkdir()
        (folder / RESULT).write_text(json.dumps(run.as_json()), encoding="utf-8")
    assert join_results([folders[0], folders[2]]).runs == join_results(folders[:2]).runs


def of_methods(whole: BenchmarkResult, methods: tuple[str, ...]) -> BenchmarkResult:
    """The part of a benchmark that asked these methods; its comparisons are of them alone."""

    def asked(name: str) -> bool:
        return name in (*methods, "copy") or (
            name.startswith("adapter:") and "adapter:*" in methods
        )

    settings = replace(whole.settings, methods=methods)
    tasks = tuple(
        replace(
            task,
            scores=tuple(one for one in task.scores if asked(one.method)),
            profiles=tuple(one for one in task.profiles if asked(one.method)),
            comparisons=(),
        )
        for task in whole.tasks
    )
    answers = tuple(one for one in whole.answers if asked(one.method))
    return replace(
        whole, settings=settings, settings_digest=settings.digest, tasks=tasks, answers=answers
    )


def newer(content: dict[str, Any]) -> None:
    content["version"] = 99


def changed(content: dict[str, Any]) -> None:
    content["runs"][0]["answers"][0]["rows"][0][1] = "5"


def foreign(content: dict[str, Any]) -> None:
    content["schema"] = "fusion-lens/benchmark"


@pytest.mark.parametrize(
    ("change", "reason"), [(newer, "version 99"), (foreign, "schema"), (changed, "digest")]
)
def test_other_and_changed_files_are_refused(
    folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    path = tmp_path / "results.json"
    write_results(join_results([folder / "all"]), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        read_results(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 1}'])
def test_files_of_another_form_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_results(path)
    with pytest.raises(InputError, match="another --out"):
        write_results(JoinedResults(()), tmp_path / "nowhere" / "results.json")
