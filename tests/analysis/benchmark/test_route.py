"""Routing of any signal: read from the engine, and added to results that it belongs to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.benchmark.joined import JoinedResults, read_results, write_results
from analysis.benchmark.tasks import read_task
from analysis.engine import Engine
from analysis.measure.weight_settings import WeightSettings
from analysis.models.manifest import load_collection
from tests.made_results import write_result_file, write_tasks
from tests.tiny import tiny_collection

ADAPTERS = ("math", "spanish", "code", "russian", "medical")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_collection(tmp_path_factory.mktemp("tiny"), ADAPTERS)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("tasks")
    for path in write_tasks(folder):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:3]), encoding="utf-8")
    return tuple(sorted(folder.iterdir()))


def command(manifest: Path, tasks: tuple[Path, ...], *more: str) -> list[str]:
    return ["route", "--collection", str(manifest), "--tasks", *map(str, tasks), *more]


def test_each_signal_is_counted_at_its_positions_and_over_its_usual(
    manifest: Path, tasks: tuple[Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = next(path for path in tasks if path.stem == "es_math")
    assert main(command(manifest, (asked,), "--signals", "divergence", "change", "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["version"]) == ("fusion-lens/routing", 1)
    found = {one["signal"]: one for one in result["tasks"][0]["routing"]}
    places = ("query's last token", "prompt's last token", "both")
    named = [*(f"mean divergence, {place}" for place in places), "size of the change"]
    assert set(found) == {*named, *(f"{name}, over its usual" for name in named)}
    # Counted again from the engine's own numbers.
    engine = Engine.load(load_collection(manifest))
    items = read_task(asked).items
    for name, settings in (
        ("mean divergence, prompt's last token", WeightSettings(position="prompt")),
        ("size of the change, over its usual", WeightSettings(signal="change", relative=True)),
    ):
        right = 0
        for item in items:
            relevance = engine.relevance(engine.prompt(item.instruction), None, settings)
            mean_K = relevance.values_LK.mean(dim=0)
            largest = mean_K.topk(2).indices.tolist()
            right += {ADAPTERS[place] for place in largest} == {"math", "spanish"}
        assert (found[name]["pair"]["right"], found[name]["items"]) == (right, len(items)), name


def test_results_get_the_signals_that_they_lack(
    manifest: Path, tasks: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    collection = load_collection(manifest)
    before = write_result_file(path, collection, tasks)
    asked = command(manifest, tasks, "--signals", "change", "divergence", "--add", str(path))
    assert main(asked) == 0
    assert "| es_math | size of the change, over its usual | 3 |" in capsys.readouterr().out
    after = read_results(path)
    assert after.runs[1] == before.runs[1]
    for old, new in zip(before.runs[0].tasks, after.runs[0].tasks, strict=True):
        # What the benchmark measured itself stays.
        assert new.routing[: len(old.routing)] == old.routing
        assert [one.signal for one in new.routing[len(old.routing) :]][:2] == [
            "size of the change", "size of the change, over its usual",
        ]  # fmt: skip
        assert replace(new, routing=()) == replace(old, routing=())
    assert main(asked) == 0
    assert read_results(path) == after  # nothing is added twice


@pytest.mark.parametrize("fault", ["adapters", "task files", "no benchmark"])
def test_results_of_other_parts_are_refused(
    manifest: Path,
    tasks: tuple[Path, ...],
    tmp_path: Path,
    fault: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "results.json"
    found = write_result_file(path, load_collection(manifest), tasks)
    run = found.runs[0]
    settings = run.settings
    if fault == "adapters":
        made = settings.provenance
        settings = replace(settings, provenance=replace(made, adapters=made.adapters[::-1]))
    elif fault == "task files":
        settings = replace(settings, tasks=settings.tasks[::-1])
    runs = (replace(run, settings=settings),) if fault != "no benchmark" else found.runs[1:]
    write_results(JoinedResults(runs), path)
    monkeypatch.setattr(Engine, "relevance", lambda *_: pytest.fail("a signal was read"))
    content = path.read_bytes()
    assert main(command(manifest, tasks, "--signals", "change", "--add", str(path))) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert fault in error
    assert path.read_bytes() == content


def test_what_cannot_be_routed_is_told_before_a_model_is_loaded(
    tasks: tuple[Path, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Engine, "load", lambda *_: pytest.fail("a model was loaded"))
    two = tiny_collection(tmp_path / "two", ("math", "spanish"))
    asked = tuple(path for path in tasks if path.stem == "es_math")
    for given, reason in (
        (command(two, asked), "of fewer than three"),
        (command(two, tasks), "has no pair"),
        (command(two, asked, "--signals", "smell"), "no signal 'smell'"),
        (command(two, asked, "--limit", "0"), "--limit is 0"),
    ):
        assert main(given) == 2
        assert reason in capsys.readouterr().err
