"""`fit-method`: from data to a file that a method answers with; and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis import methods as method_files
from analysis.__main__ import main
from analysis.benchmark.tasks import Item, Task, read_task
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.fitting.examples import examples_of, right_answer
from analysis.fitting.samples import MOST, samples_of
from analysis.models.collection import AdapterEntry
from analysis.models.fitted import FittedFiles, read_fitted
from analysis.models.manifest import load_collection
from analysis.training.texts.sources import ASSETS
from tests import tiny
from tests.added import added_file

QUERY = "María tiene 3 manzanas y compra 5 más."
ITEMS = (
    {"id": "1", "lang": "es", "domain": "math", "type": "numeric", "instruction": "¿3 + 5?",
     "answer": 8, "english": "3 + 5?"},
    {"id": "2", "lang": "es", "domain": "medical", "type": "mcq", "instruction": "¿Agua?",
     "choices": ["no", "sí"], "gold": 1, "english": "Water?", "license": "CC0"},
)  # fmt: skip

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tiny.tiny_collection(tmp_path / "tiny", ["spanish", "math"])


def task_file(folder: Path, name: str = "dev", items: Any = ITEMS) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def entry(name: str, tag: str = "") -> AdapterEntry:
    return AdapterEntry(name, name, "task", Path(), tag=tag)


def test_samples_become_a_file_that_methods_answer_with(manifest: Path, capsys: Captured) -> None:
    collection = ["--collection", str(manifest)]
    asked = ["answer", QUERY, *collection, "--json", "--max-new-tokens", "2", "--methods"]
    assert main([*asked, "ariadne"]) == 2
    assert "python -m analysis fit-method centroid" in capsys.readouterr().err
    assert main(["fit-method", "loraretriever", *collection, "--seed", "3"]) == 0
    fitted = read_fitted(manifest.parent / "methods" / "samples.safetensors")
    assert set(fitted.tensors) == {"samples.spanish", "samples.math"}
    for vectors_SD in fitted.tensors.values():
        assert vectors_SD.shape == (MOST, tiny.WIDTH) and vectors_SD.dtype == torch.float16
        assert torch.allclose(vectors_SD.float().norm(dim=1), torch.ones(MOST), atol=1e-3)
    assert fitted.origin.command == (
        "python -m analysis fit-method loraretriever --collection collection.toml --seed 3"
    )
    assert "20 of everyday es (own generator) (Apache-2.0)" in fitted.origin.data
    assert "20 of word problems (own generator) (Apache-2.0)" in fitted.origin.data
    assert set(fitted.origin.adapters) == {"spanish", "math"}
    assert [path.name for path in (manifest.parent / "methods").iterdir()] == [
        "samples.safetensors"
    ]
    capsys.readouterr()
    assert main([*asked, "ariadne,centroid"]) == 0
    assert set(json.loads(capsys.readouterr().out)["answers"]) == {"ariadne", "centroid"}
    assert main([*asked, "centroid", "--adapters", "math"]) == 0, "a part of the adapters"


def test_examples_become_a_file_of_weights(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "cat.safetensors"
    tasks = task_file(tmp_path)
    asked = ["fit-method", "cat", "--collection", str(manifest), "--tasks", str(tasks)]
    assert main([*asked, "--out", str(out), "--limit", "1"]) == 0
    fitted = read_fitted(out)
    assert fitted.tensors["weights.math"].shape == (tiny.LAYERS,)
    assert fitted.tensors["losses"].shape == (4,)
    assert fitted.origin.data == "1 items of dev (no licence named, numbers in a sentence)"
    assert "--tasks dev.jsonl" in fitted.origin.command and str(tmp_path) not in str(fitted.origin)


def test_gates_are_fitted_on_answers_of_each_adapters_own_domain(
    manifest: Path, capsys: Captured
) -> None:
    collection = ["--collection", str(manifest)]
    assert main(["fit-method", "phatgoose", *collection]) == 0
    fitted = read_fitted(manifest.parent / "methods" / "phatgoose.safetensors")
    assert set(fitted.tensors) == {"gate.spanish", "gate.math", "losses"}
    assert fitted.tensors["losses"].shape == (20,)
    assert "math: English word problems: 20 of word problems" in fitted.origin.data
    capsys.readouterr()
    asked = ["answer", QUERY, *collection, "--methods", "phatgoose", "--max-new-tokens", "2"]
    assert main(asked) == 0


FITTED = """
import torch

from analysis.inference.mixing.policies import ConstantWeights
from analysis.learning.fit import Fit
from analysis.methods import Method, learnt


def learn(context):
    return {f"share.{name}": torch.tensor(len(name) / 10) for name in context.adapters}


FIT = Fit("by-name", "examples", learn)


def policy(context, adapter):
    shares = torch.stack(list(learnt(context, FIT, "share", "by-name").values()))
    return ConstantWeights(context.adapters, shares.expand(context.layers, -1).double())


METHOD = Method("by-name", "By name", "Long names weigh more.", policy, fit=FIT)
"""


def test_a_method_added_from_outside_is_fitted(
    manifest: Path, tmp_path: Path, capsys: Captured
) -> None:
    with added_file(method_files, tmp_path / "methods" / "by_name.py", FITTED):
        collection = ["--collection", str(manifest)]
        tasks = ["--tasks", str(task_file(tmp_path))]
        assert main(["fit-method", "by-name", *collection, *tasks, "--json"]) == 0
        path = manifest.parent / "methods" / "by-name.safetensors"
        assert json.loads(capsys.readouterr().out) == {"method": "by-name", "file": str(path)}
        asked = ["answer", QUERY, *collection, "--methods", "by-name", "--max-new-tokens", "2"]
        assert main(asked) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["static"], "'static' learns nothing: fit one of centroid"),
        (["magic"], "'magic' is not there"),
        (["cat"], "give --tasks"),
        (["cat", "--tasks", "TEST"], "dev_test serves only to measure"),
        (["cat", "--tasks", "DEV", "--limit", "0"], "--limit is 0"),
        (["cat", "--tasks", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_bad_requests_are_refused_before_the_base_is_loaded(
    manifest: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.setattr(Engine, "load", lambda *given, **named: pytest.fail("the base is loaded"))
    files = {"DEV": task_file(tmp_path), "TEST": task_file(tmp_path, "dev_test")}
    given = [str(files.get(word, word)) for word in arguments]
    capsys.readouterr()
    assert main(["fit-method", *given, "--collection", str(manifest)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and complaint in err


def test_samples_come_from_rows_then_generators_then_items(tmp_path: Path) -> None:
    task = read_task(task_file(tmp_path))
    items = samples_of(entry("doctor", "medical"), [task], None, 0)
    assert items.questions == ("Water?",) and "1 of dev (CC0)" in items.words
    rows = [
        {"instruction": f"q{index % 30}", "output": "a", "license": "MIT"} for index in range(60)
    ]
    task_file(tmp_path, "doctor", rows)
    found = samples_of(entry("doctor", "medical"), [task], tmp_path, 0)
    assert found.questions == tuple(f"q{index}" for index in range(MOST))
    assert "20 of no source named (MIT)" in found.words
    generated = [samples_of(entry("math"), [], None, seed) for seed in (0, 0, 1)]
    assert generated[0] == generated[1] != generated[2]
    assert len(set(generated[0].questions)) == MOST
    with pytest.raises(InputError, match=r"adapter cook: .* domain cook .* cook\.jsonl"):
        samples_of(entry("cook"), [task], tmp_path, 0)


def test_answers_of_an_own_domain_are_english_or_programs(tmp_path: Path) -> None:
    items = [
        {**ITEMS[1], "id": "1"},
        {**ITEMS[1], "id": "2", "lang": "en", "instruction": "Milk?", "choices": ["no", "yes"]},
        {"id": "3", "lang": "es", "domain": "code", "type": "function", "instruction": "¿f?",
         "english": "f?", "entry_point": "f", "reference": "def f(): pass", "test": "f()"},
    ]  # fmt: skip
    task = read_task(task_file(tmp_path, items=items))
    doctor = samples_of(entry("doctor", "medical"), [task], None, 0, answered=True)
    assert (doctor.questions, doctor.answers) == (("Milk?",), ("yes",)), "no Spanish answer"
    coder = samples_of(entry("coder", "code"), [task], None, 0, answered=True)
    assert (coder.questions, coder.answers) == (("f?",), ("def f(): pass",))
    made = samples_of(entry("math"), [], None, 0, answered=True)
    assert len(made.answers) == MOST and all(len(one) > 1 for one in made.answers)
    spanish = Task("dev", "", task.items[:1])
    with pytest.raises(InputError, match=r"questions with answers .* English or a reference"):
        samples_of(entry("doctor", "medical"), [spanish], None, 0, answered=True)


def item(**fields: Any) -> Item:
    return Item("1", "es", "math", fields.pop("type", "numeric"), "?", "1", **fields)


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        (item(answer=54.0), "La respuesta es 54."),
        (item(answer=0.5), "La respuesta es 0.5."),
        (item(type="mcq", choices=("no", "sí"), gold=1), "sí"),
        (item(type="mcq", choices=("no", "sí"), gold=1, answer="Sí, agua."), "Sí, agua."),
        (item(type="function", reference="def f(): pass"), "def f(): pass"),
        (Item("1", "eo", "math", "numeric", "?", "1", answer=54.0), ""),
    ],
)
def test_right_answers(one: Item, answer: str) -> None:
    assert right_answer(one) == answer


def test_items_without_an_answer_are_left_out() -> None:
    silent = Item("2", "eo", "math", "numeric", "?", "2", answer=1.0)
    found = examples_of([Task("dev", "", (item(answer=1.0), silent))])
    assert found.pairs == (("?", "La respuesta es 1."),)
    assert found.words.startswith("1 items of dev")
    with pytest.raises(InputError, match="No item has an answer"):
        examples_of([Task("dev", "", (silent,))])


def test_bundled_items_are_under_the_projects_licence() -> None:
    task = read_task(ASSETS / "tasks" / "es_code_dev.jsonl", 5)
    assert examples_of([task]).words == "5 items of es_code_dev (Apache-2.0)"


BUNDLED = ASSETS / "collections" / "gemma-3-270m" / "methods"
FILES = sorted(path for path in BUNDLED.glob("*.safetensors") if ".work." not in path.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bundled_files_belong_to_the_bundled_adapters(path: Path) -> None:
    collection = load_collection("gemma-3-270m")
    files = FittedFiles(collection.folder, collection.base, collection.adapters)
    fitted = files.read(f"methods/{path.name}")
    assert fitted is not None and path.stat().st_size < 2_000_000
    assert set(fitted.origin.adapters) == set(collection.names)
    for adapter in collection.names:
        own = [value for name, value in fitted.tensors.items() if name.endswith(f".{adapter}")]
        assert own and all(bool(value.isfinite().all()) for value in own)
    words = fitted.origin.command.split()
    assert words[:4] == ["python", "-m", "analysis", "fit-method"]
    fit = method_files.methods()[words[4]].fit
    assert fit is not None and fit.file == f"methods/{path.name}"
    assert "Apache-2.0" in fitted.origin.data and "_test" not in fitted.origin.command
