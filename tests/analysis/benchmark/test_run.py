"""Whole benchmarks on a tiny collection: results, going on, several processes, the command."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from analysis import methods as method_files
from analysis.__main__ import main
from analysis.benchmark import results, settings
from analysis.benchmark.choice import runnable
from analysis.benchmark.entries import Entry, Selection, check_entries, entries_of, selection
from analysis.benchmark.execution import batch_runner
from analysis.benchmark.execution.batch_runner import BatchRunner
from analysis.benchmark.execution.batches import Batch, batches_of, remaining
from analysis.benchmark.execution.claims import Claims
from analysis.benchmark.execution.journal import Journal
from analysis.benchmark.execution.processes import Processes
from analysis.benchmark.results import BenchmarkResult
from analysis.benchmark.run import BenchmarkRequest, run_benchmark
from analysis.benchmark.tasks import read_task
from analysis.common.errors import InputError
from analysis.common.schema import check_schema
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from tests.added import added_file
from tests.lacking import LACKING
from tests.tiny import EARLY_STOP, tiny_collection

METHODS = ("base", "adapter:*", "static", "qa-flora", "oracle-pair", "best-single")
# A fork has all modules loaded: a new interpreter would need most of the test's time for that.
FORK = multiprocessing.get_context("fork")


def die_at_the_second_batch(folder: Path, arguments: list[str]) -> None:
    """Runs a benchmark that is killed while it writes."""
    batches, add = [], Journal.add

    def add_or_die(journal: Journal, rank: int, *found: Any) -> None:
        add(journal, rank, *found)
        batches.append(rank)
        if len(batches) == 2:
            for name in ("items-0.jsonl", "fusions-0.jsonl"):
                with (folder / name).open("ab") as file:
                    file.write(b'{"task": "numbers", "meth')
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.add = add_or_die  # type: ignore[method-assign]  # of a process of its own
    main(arguments)


def share_with_another(rank: int, arguments: list[str], said: str) -> None:
    """Runs a process of two, as `accelerate launch` starts them."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    with Path(f"{said}-{rank}").open("w", encoding="utf-8") as sys.stdout:
        assert main(arguments) == 0


def line(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"i{number}", "lang": "es", "domain": "math", "type": "numeric",
        "instruction": f"María tiene {number} manzanas y compra 5 más." + " ¿Y?" * (number % 3),
        "answer": number + 5, "cluster": f"c{number // 2}", **more,
    }  # fmt: skip


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    adapters = ("math", "spanish", "code")
    return tiny_collection(tmp_path_factory.mktemp("tiny"), adapters, stop=EARLY_STOP)


@pytest.fixture(scope="module")
def collection(manifest: Path) -> Collection:
    return load_collection(manifest)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("tasks")
    mixed = [
        line(1, type="mcq", choices=["tres", "seis manzanas"], gold=1, answer="Son seis."),
        line(2, type="yesno", choices=["sí", "no"], gold=0, answer="sí"),
    ]
    return (
        write(folder / "numbers.jsonl", [line(number) for number in range(26)]),
        write(folder / "mixed.jsonl", mixed),
    )


@pytest.fixture(scope="module")
def request_(collection: Collection, files: tuple[Path, ...]) -> BenchmarkRequest:
    return BenchmarkRequest(files, METHODS, selection(collection, False, None))


@pytest.fixture(scope="module")
def whole(
    collection: Collection, request_: BenchmarkRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[BenchmarkResult, Path]:
    folder = tmp_path_factory.mktemp("whole")
    result = run_benchmark(collection, request_, folder)
    assert result is not None
    return result, folder


def without_seconds(content: Any) -> Any:
    """A result without its times, the only numbers that differ between two runs."""
    if isinstance(content, dict):
        return {name: without_seconds(one) for name, one in content.items() if name != "seconds"}
    return [without_seconds(one) for one in content] if isinstance(content, list) else content


def saved(folder: Path) -> str:
    return json.dumps(without_seconds(json.loads((folder / "result.json").read_text())))


def test_a_result_says_what_it_was_made_of(whole: tuple[BenchmarkResult, Path]) -> None:
    result, folder = whole
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    check_schema(content, results.SCHEMA, results.VERSION)
    assert content == json.loads(json.dumps(result.as_json()))
    settings = content["settings"]
    made = settings["provenance"]
    assert made["computation"] == {"dtype": "float32", "device": "cpu"}
    assert all(len(file["sha256"]) == 64 for file in [*made["base_files"], *made["adapters"]])
    assert {"torch", "fusion-lens"} <= set(made["versions"])
    assert [len(task["sha256"]) for task in settings["tasks"]] == [64, 64]
    used = settings["weight_settings"]
    assert (used["lens"], used["position"], settings["seed"]) == ("norm", "query", 0)
    assert "{query}" in settings["prompt_form"]
    assert (
        json.loads((folder / "settings.json").read_text())["digest"] == content["settings_digest"]
    )


def test_every_entry_answers_every_item(whole: tuple[BenchmarkResult, Path]) -> None:
    result, _ = whole
    numbers, mixed = result.tasks
    alone = ["adapter:math", "adapter:spanish", "adapter:code"]
    names = ["base", *alone, "static", "qa-flora", "oracle-pair", "best-single"]
    for task in result.tasks:
        assert [score.method for score in task.scores] == [*names, "copy"]
    counts = Counter((one.task, one.method) for one in result.answers)
    assert all(counts["numbers", name] == 26 for name in [*names, "copy"])
    for score in numbers.scores[:-1]:
        assert score.both is not None and score.in_language is not None and score.loss is None
        assert score.both.right <= min(score.right.right, score.in_language.right)
    copies = [one for one in result.answers if (one.task, one.method) == ("numbers", "copy")]
    assert {one.extracted for one in copies} == {"5"}
    assert all(score.loss is not None for score in mixed.scores[:-1])
    references = ["static", "oracle-pair", "best-single"]
    assert [found.measure for found in numbers.comparisons] == ["both"] * 3
    assert [found.reference for found in numbers.comparisons] == references
    assert [found.measure for found in mixed.comparisons] == ["both", "loss"] * 3
    (group,) = result.groups
    assert (group.group, group.tasks) == ("es: math", ("numbers", "mixed"))
    assert [found.measure for found in group.comparisons] == ["both"] * 3
    assert [found.reference for found in group.comparisons] == references
    assert group.comparisons[0].items == 28
    assert {one.method for one in group.comparisons[1].differences} == {*names} - {"oracle-pair"}
    assert numbers.comparisons[0].clusters == 13
    assert not {"oracle-pair", "best-single"} & set(numbers.comparisons[0].first)


def test_the_best_adapter_alone_has_its_answers_and_runs_no_model(
    whole: tuple[BenchmarkResult, Path],
) -> None:
    result, folder = whole
    for task, lower_is_better in zip(result.tasks, (False, True), strict=True):
        scores = {score.method: score for score in task.scores}
        alone = [score for name, score in scores.items() if name.startswith("adapter:")]
        best = scores["best-single"]
        assert (best.kind, best.seconds) == ("oracle", 0.0)
        if lower_is_better:
            assert best.loss == min((one.loss for one in alone), key=lambda one: one.value)
        else:
            assert best.both.value == max(one.both.value for one in alone)
        assert "best-single" not in {profile.method for profile in task.profiles}
    journal = "".join(path.read_text() for path in folder.glob("items-*.jsonl"))
    assert '"oracle-pair"' in journal and '"best-single"' not in journal


def test_answers_and_losses_are_the_engines(
    collection: Collection, whole: tuple[BenchmarkResult, Path]
) -> None:
    result, _ = whole
    engine = Engine.load(collection)
    answers = {(one.method, one.item): one for one in result.answers if one.task == "numbers"}
    losses = {(one.method, one.item): one for one in result.answers if one.task == "mixed"}
    item = result.tasks[0].items[4]
    prompt = engine.prompt(item.instruction)
    for method, adapters, name in (
        ("qa-flora", collection.names, "qa-flora"),
        ("static", ("math", "spanish"), "oracle-pair"),
    ):
        row = fuse([method], engine.context(prompt, adapters))[0]
        (answer,) = engine.answer_all([prompt], [row], new_tokens=64)
        assert answers[name, item.id].text == answer.text
    choice = result.tasks[1].items[0]
    prompt = engine.prompt(choice.instruction)
    row = fuse(["static"], engine.context(prompt))[0]
    gold, first = engine.answer_ids("Son seis."), engine.answer_ids("tres")[:-1]
    gold_T, first_T = engine.answer_losses([prompt, prompt], [gold, first], [row, row])
    found = losses["static", choice.id]
    assert found.loss == pytest.approx(float(gold_T.mean()), rel=1e-4)
    assert found.option_losses[0] == pytest.approx(float(first_T.mean()), rel=1e-4)
    best = min(range(2), key=lambda place: found.option_losses[place])
    assert (found.extracted, found.right) == (choice.choices[best], best == choice.gold)


def test_profiles_and_routing_follow_from_the_traces(
    whole: tuple[BenchmarkResult, Path], collection: Collection
) -> None:
    result, _ = whole
    engine = Engine.load(collection)
    task = result.tasks[0]
    contexts = [engine.context(engine.prompt(item.instruction)) for item in task.items]
    weights_NLK = np.stack(
        [constant_of(fuse(["qa-flora"], context)[0]).numpy() for context in contexts]
    )
    profiles = {profile.method: profile for profile in task.profiles}
    assert list(profiles) == ["static", "qa-flora", "oracle-pair"]
    assert profiles["qa-flora"].adapters == collection.names
    assert profiles["qa-flora"].mean_LK == pytest.approx(weights_NLK.mean(axis=0), abs=1e-4)
    assert profiles["qa-flora"].spread_LK == pytest.approx(weights_NLK.std(axis=0), abs=1e-4)
    assert set(sum(profiles["static"].mean_LK, ())) == {round(1 / 3, 5)}
    pair = profiles["oracle-pair"]
    of_pair = dict(zip(pair.adapters, pair.mean_LK[0], strict=True))
    assert of_pair == {"math": 0.5, "spanish": 0.5}
    assert [one.signal for one in task.routing] == [
        "mean divergence, query's last token",
        "mean divergence, prompt's last token",
        "mean divergence, both",
    ]
    for position, found in zip(("query", "prompt", "both"), task.routing, strict=True):
        means = [context.divergence(position=position).mean(dim=0) for context in contexts]
        named = [dict(zip(collection.names, mean.tolist(), strict=True)) for mean in means]
        largest = [set(sorted(mean, key=lambda name: -mean[name])[:2]) for mean in named]
        assert found.items == 26
        assert found.pair.right == sum(pair == {"math", "spanish"} for pair in largest)
        assert found.language is None and found.task is not None
        assert found.task.right == sum(mean["math"] > mean["code"] for mean in named)


@pytest.mark.parametrize("metric", ["kl", "hellinger"])
def test_routing_reads_the_metric_that_was_asked_for(
    collection: Collection, files: tuple[Path, ...], metric: str
) -> None:
    engine = Engine.load(collection)
    task = read_task(files[1], None)
    all_adapters = selection(collection, False, None)
    settings = WeightSettings(metric=metric)
    runner = BatchRunner(engine, collection, [task], all_adapters, settings)
    entries = entries_of(task, ("qa-flora",), all_adapters, collection)
    batch = Batch(task.name, task.items[:1], (entries,))
    _, (fusion,) = runner.answer(batch, entries)
    context = engine.context(engine.prompt(task.items[0].instruction), settings=settings)
    for position, means in fusion.divergences.items():
        right_K = context.divergence(position=position).mean(dim=0)
        assert means == pytest.approx(right_K.tolist(), abs=1e-6)


def constant_of(row: Row) -> Tensor:
    assert isinstance(row.policy, ConstantWeights)
    return row.policy.weights_LK


class Enough(Exception):
    """Ends a run from its progress."""


def test_a_run_that_was_interrupted_ends_with_the_same_result(
    collection: Collection,
    request_: BenchmarkRequest,
    whole: tuple[BenchmarkResult, Path],
    tmp_path: Path,
) -> None:
    told: list[str] = []
    shares: list[float] = []

    def stop(what: str, share: float) -> None:
        told.append(what)
        if what.startswith("batch"):
            shares.append(share)
        if what.startswith("batch 2 of 3") and "answer" in what:
            raise Enough

    with pytest.raises(Enough):
        run_benchmark(collection, request_, tmp_path, stop)
    assert not (tmp_path / "result.json").exists()
    # The largest batch came first, with all its entries.
    assert (tmp_path / "items-0.jsonl").read_text().count("\n") == 26 * 7
    assert shares == sorted(shares) and 0 <= shares[0] < shares[-1] < 1
    assert any(re.search(r", answer \d+ of \d+, .* left$", one) for one in told)
    told.clear()
    run_benchmark(collection, request_, tmp_path, lambda what, share: told.append(what))
    batches = {one.partition(",")[0] for one in told if one.startswith("batch")}
    assert batches == {"batch 1 of 2", "batch 2 of 2"}
    assert saved(tmp_path) == saved(whole[1])
    told.clear()
    run_benchmark(collection, request_, tmp_path, lambda what, share: told.append(what))
    assert not any(one.startswith("batch") for one in told)
    assert saved(tmp_path) == saved(whole[1])


def arguments(manifest: Path, files: tuple[Path, ...], folder: Path) -> list[str]:
    return [
        "benchmark", "--collection", str(manifest), "--tasks", *map(str, files),
        "--methods", *METHODS, "--out", str(folder),
    ]  # fmt: skip


def test_a_killed_process_goes_on_with_the_same_result(
    manifest: Path,
    files: tuple[Path, ...],
    collection: Collection,
    request_: BenchmarkRequest,
    whole: tuple[BenchmarkResult, Path],
    tmp_path: Path,
) -> None:
    asked = arguments(manifest, files, tmp_path)
    killed = FORK.Process(target=die_at_the_second_batch, args=(tmp_path, asked))
    killed.start()
    killed.join(120)
    assert killed.exitcode == -signal.SIGKILL
    assert not (tmp_path / "items-0.jsonl").read_bytes().endswith(b"\n")
    there, said = len(Journal(tmp_path).read()), list[str]()
    run_benchmark(collection, request_, tmp_path, note=said.append)
    assert there > 0
    assert said == [f"{there} answers of an earlier run are in {tmp_path}: it goes on after them"]
    assert saved(tmp_path) == saved(whole[1])


def test_two_processes_give_the_same_result(
    manifest: Path,
    files: tuple[Path, ...],
    whole: tuple[BenchmarkResult, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launched = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    said = str(tmp_path / "said")
    both = [
        FORK.Process(
            target=share_with_another, args=(rank, arguments(manifest, files, tmp_path), said)
        )
        for rank in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    table = Path(f"{said}-0").read_text(encoding="utf-8")
    assert table.startswith("| task | method |") and table.count("Fused: all") == 1
    assert Path(f"{said}-1").read_text(encoding="utf-8") == ""
    # Each answer was given once. A process that comes late may find nothing left.
    lines = [json.loads(line) for path in tmp_path.glob("items-*.jsonl") for line in path.open()]
    keys = [(one["task"], one["method"], one["item"]) for one in lines]
    assert len(keys) == len(set(keys)) == (26 + 2) * 7
    assert not (tmp_path / "claims").exists()
    assert saved(tmp_path) == saved(whole[1])


def test_what_is_left_are_whole_steps_and_the_largest_batches_first(
    files: tuple[Path, ...],
) -> None:
    task = read_task(files[0])
    names = ("base", "static", "sum")
    entries = tuple(Entry(name, "method", name) for name in names)
    batches = batches_of(task, entries, 8, lambda item: len(item.instruction), together=2)
    assert sorted(item.id for batch in batches for item in batch.items) == sorted(
        item.id for item in task.items
    )
    assert [len(batch.items) for batch in batches] == [8, 8, 8, 2]
    assert {batch.steps for batch in batches} == {(entries[:2], entries[2:])}

    def keys(number: int, *methods: str) -> set[tuple[str, str, str]]:
        return {(task.name, name, item.id) for name in methods for item in batches[number].items}

    # Of an interrupted step some results are missing; what is taken from elsewhere is in no step.
    done = keys(0, "base") | keys(1, *names) | keys(2, "base", "static") | keys(3, "sum")
    done.remove(next(iter(keys(3, "sum"))))
    taken = keys(2, "sum") | keys(3, "base")
    left = remaining(batches, done | taken, taken)
    assert [(batch.items[0].id, batch.steps) for batch in left] == [
        (batches[0].items[0].id, (entries[:2], entries[2:])),
        (batches[3].items[0].id, (entries[1:2], entries[2:])),
    ]


def test_a_batch_is_claimed_once_until_all_claims_are_forgotten(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    entries = (Entry("base", "method", "base"),)
    batches = batches_of(read_task(files[0]), entries, 8, lambda item: 1, together=1)
    first, second = Claims(tmp_path), Claims(tmp_path)
    first.clear()
    assert [first.claim(batches[0]), second.claim(batches[0])] == [True, False]
    assert [second.claim(batches[1]), first.claim(batches[1])] == [True, False]
    first.clear()
    assert second.claim(batches[1])


def test_a_batch_that_an_earlier_run_has_claimed_is_answered_in_the_end(
    collection: Collection,
    request_: BenchmarkRequest,
    whole: tuple[BenchmarkResult, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process of a killed run may live on, claim a batch, and then end."""
    claim, refused = Claims.claim, list[str]()

    def taken(claims: Claims, batch: Batch) -> bool:
        if not refused:
            refused.append(batch.task)
            return False
        return claim(claims, batch)

    monkeypatch.setattr(Claims, "claim", taken)
    run_benchmark(collection, request_, tmp_path)
    assert refused == ["numbers"] and saved(tmp_path) == saved(whole[1])


def test_a_run_that_ends_between_two_steps_ends_with_the_same_result(
    collection: Collection,
    request_: BenchmarkRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two methods a step, and one of them weighs token by token."""
    monkeypatch.setattr(settings, "STEP_ENTRIES", 2)
    monkeypatch.setattr(batch_runner, "DECODED_ROWS", 5)
    methods = ("static", "arrow", "sum", "qa-flora", "oracle-pair")
    request = replace(request_, tasks=request_.tasks[:1], methods=methods, limit=9)
    told: list[str] = []

    def stop(what: str, share: float) -> None:
        if "sum: weights" in what:
            raise Enough

    def tell(what: str, share: float) -> None:
        told.append(what)

    run_benchmark(collection, request, tmp_path / "whole")
    with pytest.raises(Enough):
        run_benchmark(collection, request, tmp_path / "parts", stop)
    journal = tmp_path / "parts" / "items-0.jsonl"
    assert journal.read_text().count("\n") == 9 * 2
    # Whole lines of the next step, which is run whole nevertheless.
    next_step = (tmp_path / "whole" / "items-0.jsonl").read_text().splitlines(keepends=True)[18:28]
    with journal.open("a") as file:
        file.writelines(next_step)
    run_benchmark(collection, request, tmp_path / "parts", tell)
    assert not any("static: weights" in what for what in told)
    assert any("sum: weights" in what for what in told)
    assert saved(tmp_path / "parts") == saved(tmp_path / "whole")
    weights = json.loads((tmp_path / "parts" / "result.json").read_text())["tasks"][0]["profiles"]
    means = {one["method"]: np.array(one["mean_LK"]) for one in weights}
    assert np.ptp(means["arrow"]) > 0.01, "a rule gives each layer its own weights"
    assert means["arrow"].sum(axis=1) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limit": 2}, "limit"),
        ({"methods": ("base",)}, "methods"),
        ({"weight_settings": WeightSettings(position="prompt")}, "weight_settings"),
        ({"weight_settings": WeightSettings(lens="raw")}, "weight_settings"),
        ({"weight_settings": WeightSettings(signal="change")}, "weight_settings"),
        ({"shortlist": 2}, "shortlist"),
        ({"seed": 5}, "seed"),
        ({"selection": Selection("pair")}, "selection"),
    ],
)
def test_other_settings_are_not_mixed_in(
    collection: Collection,
    request_: BenchmarkRequest,
    whole: tuple[BenchmarkResult, Path],
    change: dict[str, Any],
    named: str,
) -> None:
    changed = replace(request_, tasks=request_.tasks[:1], **change)
    with pytest.raises(InputError, match=rf"other settings \(.*{named}.*another --out"):
        run_benchmark(collection, changed, whole[1])


def test_a_folder_is_used_by_one_run_at_a_time(
    collection: Collection, request_: BenchmarkRequest, tmp_path: Path
) -> None:
    refused: list[str] = []

    def again(what: str, share: float) -> None:
        if what == "ready":
            with pytest.raises(InputError) as caught:
                run_benchmark(collection, request_, tmp_path)
            refused.append(str(caught.value))
            raise Enough

    with pytest.raises(Enough):
        run_benchmark(collection, request_, tmp_path, again)
    assert len(refused) == 1 and "in use" in refused[0]


def test_damaged_results_are_named(
    collection: Collection, request_: BenchmarkRequest, tmp_path: Path
) -> None:
    short = replace(request_, tasks=request_.tasks[:1], methods=("base",), limit=1)
    run_benchmark(collection, short, tmp_path)
    journal = tmp_path / "items-0.jsonl"
    journal.write_text("{}\n" + journal.read_text())
    with pytest.raises(InputError, match=r"items-0.jsonl, line 1 is damaged"):
        run_benchmark(collection, short, tmp_path)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(InputError, match=r"without settings\.json"):
        run_benchmark(collection, short, tmp_path)


def test_only_the_first_process_has_a_result(
    collection: Collection, request_: BenchmarkRequest, tmp_path: Path
) -> None:
    short = replace(request_, tasks=request_.tasks[:1], methods=("base",), limit=1)
    assert run_benchmark(collection, short, tmp_path, None, Processes(1, 2)) is None
    assert not (tmp_path / "result.json").exists()


def test_a_language_and_a_domain_without_adapters_run_with_all(
    collection: Collection, tmp_path: Path
) -> None:
    path = write(tmp_path / "odd.jsonl", [line(1, lang="xx", domain="law")])
    request = BenchmarkRequest((path,), ("base", "static"), selection(collection, False, None))
    result = run_benchmark(collection, request, tmp_path / "out")
    assert result is not None
    (score, _, _) = result.tasks[0].scores
    assert score.both is None and score.in_language is None
    assert result.tasks[0].comparisons[0].measure == "right"


def test_functions_are_scored_by_their_tests_and_not_copied(
    collection: Collection, tmp_path: Path
) -> None:
    function = {
        "type": "function", "domain": "code", "entry_point": "f", "test": "assert f() == 1",
        "reference": "def f():\n    return 1", "answer": "def f():\n    return 1",
    }  # fmt: skip
    path = write(tmp_path / "functions.jsonl", [line(1, **function)])
    request = BenchmarkRequest((path,), ("base", "static"), selection(collection, False, None))
    result = run_benchmark(collection, request, tmp_path / "out")
    assert result is not None
    assert [score.method for score in result.tasks[0].scores] == ["base", "static"]
    assert {one.extracted for one in result.answers} == {"no function"}
    assert {(one.right, one.in_language, one.both) for one in result.answers} == {
        (False, None, False)
    }


def test_pairs_follow_the_item(manifest: Path, tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "two.jsonl", [line(1), line(2)])
    command = arguments(manifest, (path,), tmp_path / "out")
    assert main([*command, "--pair", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    texts = {(one["method"], one["item"]): one["text"] for one in content["answers"]}
    assert texts["static", "i1"] == texts["oracle-pair", "i1"] != texts["base", "i1"]
    assert content["settings"]["selection"] == {"mode": "pair", "adapters": []}


def test_an_earlier_run_gives_the_answers_that_would_be_the_same(
    collection: Collection,
    request_: BenchmarkRequest,
    whole: tuple[BenchmarkResult, Path],
    tmp_path: Path,
) -> None:
    tasks = request_.tasks[:1]
    of_all = whole[1]
    told: list[str] = []
    said: list[str] = []
    few = replace(request_, tasks=tasks, limit=3)
    request = replace(few, methods=METHODS[:4], selection=Selection("pair"))
    run_benchmark(collection, request, tmp_path / "anew")
    with pytest.raises(InputError, match=r"other settings \(tasks, limit\)"):
        run_benchmark(collection, replace(request, reuse=of_all), tmp_path / "refused")
    run_benchmark(collection, few, tmp_path / "all")
    reusing = replace(request, reuse=tmp_path / "all")
    run_benchmark(
        collection, reusing, tmp_path / "out", lambda what, _: told.append(what), note=said.append
    )
    assert saved(tmp_path / "out") == saved(tmp_path / "anew")
    # The base, two adapters alone, and static fusion of the pair, which is oracle-pair there.
    assert said == [f"{4 * 3} answers are taken from {tmp_path / 'all'}"]
    left = [what for what in told if "weights" in what]
    assert left and all("qa-flora: weights" in what for what in left)
    with pytest.raises(InputError, match="holds no benchmark"):
        run_benchmark(collection, replace(request, reuse=tmp_path), tmp_path / "none")


def test_entries_with_the_same_weights_are_answered_once(
    collection: Collection,
    files: tuple[Path, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    answer_all = Engine.answer_all

    def counted(self: Engine, prompts: Any, rows: Any, **more: Any) -> Any:
        asked.append(len(rows))
        return answer_all(self, prompts, rows, **more)

    monkeypatch.setattr(Engine, "answer_all", counted)
    names = ("static", "oracle-pair", "sum")
    request = BenchmarkRequest(files[:1], names, selection(collection, True, None), limit=3)
    result = run_benchmark(collection, request, tmp_path)
    assert result is not None and asked == [3 + 3]
    static, oracle = (
        [replace(one, method="", seconds=0) for one in result.answers if one.method == name]
        for name in names[:2]
    )
    assert static == oracle
    profiles = {profile.method: profile.mean_LK for profile in result.tasks[0].profiles}
    assert profiles["static"] == profiles["oracle-pair"] != profiles["sum"]


CHOOSING = """
import torch

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method


def policy(context, adapter):
    context.relevance()
    weights_LK = torch.tensor([[0.5, 0.5, 0.0]] * context.layers)
    return ConstantWeights(context.adapters, weights_LK)


METHOD = Method("choosing", "Choosing", "It chooses mathematics and Spanish.", policy, order=35)
"""


@pytest.mark.parametrize("names", [("choosing", "oracle-pair"), ("oracle-pair", "choosing")])
def test_equal_answers_keep_the_adapters_of_their_own_entry(
    collection: Collection, files: tuple[Path, ...], tmp_path: Path, names: tuple[str, ...]
) -> None:
    with added_file(method_files, tmp_path / "methods" / "choosing.py", CHOOSING):
        request = BenchmarkRequest(files[:1], names, selection(collection, False, None), limit=3)
        result = run_benchmark(collection, request, tmp_path / "out")
    assert result is not None
    (task,) = result.tasks
    profiles = {profile.method: profile.adapters for profile in task.profiles}
    assert profiles == {"choosing": ("math", "spanish", "code"), "oracle-pair": ("math", "spanish")}
    # The divergences are those of all three, which the method that chooses had read.
    assert {routing.items for routing in task.routing} == {3}


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (["--limit", "0"], "--limit is 0"),
        (["--lens", "magic"], "magic"),
        (["--position", "middle"], "middle"),
        (["--adapters", "spanish, nobody"], "'nobody'"),
        (["--methods", "none"], "no method 'none'"),
    ],
)
def test_bad_options_are_one_line_before_a_model_is_loaded(
    manifest: Path,
    files: tuple[Path, ...],
    tmp_path: Path,
    capsys: Any,
    extra: list[str],
    reason: str,
) -> None:
    assert main([*arguments(manifest, files[:1], tmp_path / "out"), *extra]) == 2
    out, err = capsys.readouterr()
    assert out == "" and reason in err.splitlines()[-1] and "loading" not in err


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "essay"}, "type is 'essay'"),
        ({"lang": "fr"}, "no language adapter with tag 'fr' (it has es)"),
        (
            {"type": "function", "entry_point": "f", "reference": "def f():\n    return 2",
             "test": "assert f() == 1", "answer": "?"},
            "reference does not pass test (AssertionError)",
        ),
    ],
)  # fmt: skip
def test_bad_items_are_told_before_a_model_is_loaded(
    manifest: Path, tmp_path: Path, capsys: Any, change: dict[str, Any], reason: str
) -> None:
    path = write(tmp_path / "bad.jsonl", [line(1), line(2, **change)])
    assert main([*arguments(manifest, (path,), tmp_path / "out"), "--pair"]) == 2
    err = capsys.readouterr().err
    assert reason in err and "loading" not in err
    if "lang" not in change:
        assert f"{path}, line 2" in err


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "lacking.py", LACKING):
        yield


@pytest.mark.usefixtures("lacking")
def test_a_method_that_cannot_run_ends_the_run_before_it_begins(
    manifest: Path, files: tuple[Path, ...], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out"
    asked = ["--collection", str(manifest), "--tasks", str(files[1]), "--out", str(out)]
    assert main(["benchmark", *asked, "--methods", "static", "lacking"]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint == (
        "error: Method 'lacking' cannot run: It needs methods/lacking.safetensors: fit it."
    )
    assert not [*out.glob("*.json*")]


@pytest.mark.usefixtures("lacking")
def test_all_leaves_out_and_names_the_methods_that_cannot_run(
    collection: Collection, files: tuple[Path, ...], tmp_path: Path
) -> None:
    task = read_task(files[1], None)
    every = selection(collection, False, None)
    for asked in (["all", "oracle-pair"], ["all", "lacking"]):
        check_entries([task], asked, every, collection)
    engine = Engine.load(collection)
    chosen = ([task], every, collection, engine, WeightSettings())
    names, reasons = runnable(["qa-flora", "all", "oracle-pair"], *chosen)
    assert reasons["lacking"] == "It needs methods/lacking.safetensors: fit it."
    assert not set(names) & set(reasons)
    assert (names[0], names[-1]) == ("qa-flora", "oracle-pair")
    assert {"base", "static", "sum", "adapter:*"} <= set(names) and "all" not in names
    with pytest.raises(InputError, match="'lacking' cannot run: It needs"):
        runnable(["all", "lacking"], *chosen)
    told: list[str] = []
    request = BenchmarkRequest((files[1],), ("base", "static", "lacking", "sum"), every, limit=1)
    with pytest.raises(InputError, match="'lacking' cannot run"):
        run_benchmark(collection, request, tmp_path / "out", note=told.append)
    assert told == []


def test_best_single_needs_the_adapters_alone(collection: Collection) -> None:
    every = selection(collection, False, None)
    check_entries([], ["all", "best-single"], every, collection)
    with pytest.raises(InputError, match=r"'best-single' is the best adapter alone: add adapter:"):
        check_entries([], ["static", "best-single"], every, collection)
