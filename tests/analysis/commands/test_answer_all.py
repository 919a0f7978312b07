"""`answer --methods all`: every method that can run, in as many groups as it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis import methods as method_files
from analysis.__main__ import main
from analysis.commands import answer
from analysis.common import console
from analysis.common.errors import InputError
from analysis.methods import expanded, methods
from tests import tiny
from tests.added import added_file
from tests.lacking import LACKING

QUERY = "María tiene 3 manzanas y compra 5 más."
ADAPTERS = ["spanish", "math"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(tmp_path_factory.mktemp("tiny"), ADAPTERS)


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "lacking.py", LACKING):
        yield


def run(manifest: Path, capsys: Captured, names: str, *more: str) -> tuple[int, str, str]:
    asked = ["answer", QUERY, "--collection", str(manifest), "--max-new-tokens", "3"]
    code = main([*asked, "--methods", names, *more])
    out, err = capsys.readouterr()
    return code, out, err


def result(manifest: Path, capsys: Captured, names: str) -> Any:
    code, out, err = run(manifest, capsys, names, "--json")
    assert code == 0, err
    return json.loads(out)


def test_all_stands_for_what_is_not_named_with_each_adapter() -> None:
    names = expanded(["qa-flora", "all", "adapter:math"], ADAPTERS)
    assert names[0] == "qa-flora" and names[-1] == "adapter:math"
    plain = {name for name, method in methods().items() if not method.of_adapter}
    assert sorted(names) == sorted(plain | {"adapter:spanish", "adapter:math"})
    assert expanded(["static"], ADAPTERS) == ["static"]
    with pytest.raises(InputError, match="'all' is named twice"):
        expanded(["all", "base", "all"], ADAPTERS)


@pytest.mark.usefixtures("lacking")
def test_methods_that_cannot_run_are_named_and_the_others_answer(
    manifest: Path, capsys: Captured
) -> None:
    found = result(manifest, capsys, "all")
    assert {"base", "qa-flora", "adapter:spanish", "adapter:math"} <= set(found["answers"])
    assert found["unavailable"]["lacking"] == "It needs methods/lacking.safetensors: fit it."
    assert not set(found["answers"]) & set(found["unavailable"])
    code, out, err = run(manifest, capsys, "all")
    assert code == 0 and "── lacking" not in out and "── sum" in out
    assert "lacking does not answer: It needs methods/lacking.safetensors: fit it." in err


@pytest.mark.usefixtures("lacking")
@pytest.mark.parametrize("names", ["base,lacking", "lacking,all"])
def test_a_method_that_is_named_must_run(manifest: Path, capsys: Captured, names: str) -> None:
    code, out, err = run(manifest, capsys, names)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        "error: lacking cannot answer: It needs methods/lacking.safetensors: fit it."
    )


def test_groups_change_no_answer(
    manifest: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "base,static,sum,qa-flora,adapter:math"
    together = result(manifest, capsys, names)["answers"]
    monkeypatch.setattr(answer, "TOGETHER", 2)
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    code, out, err = run(manifest, capsys, names, "--json")
    groups = [line for line in err.splitlines() if line.startswith("answering")]
    assert code == 0
    assert groups == ["answering 1 to 2 of 5", "answering 3 to 4 of 5", "answering 5 to 5 of 5"]
    apart = json.loads(out)["answers"]
    assert list(apart) == names.split(",") == list(together)
    for name, one in apart.items():
        likely = one.pop("mean_logprob"), together[name].pop("mean_logprob")
        assert likely[0] == pytest.approx(likely[1], rel=1e-5)
        assert one == together[name]


def test_the_methods_are_listed(capsys: Captured) -> None:
    assert main(["methods", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["methods"]
    assert {one["name"] for one in listed} == {one.written_name for one in methods().values()}
    (qa_flora,) = (one for one in listed if one["name"] == "qa-flora")
    assert "2512.11366" in qa_flora["about"]["paper"]
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{one.written_name} · {one.title}\n" in out for one in methods().values())
    assert max(map(len, out.splitlines())) <= 96
