"""The command line: JSON on standard output, progress on standard error, one line on bad input."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.commands import prepare
from analysis.engine import Engine
from analysis.methods import written_names
from tests import tiny

QUERY = "María tiene 3 manzanas y compra 5 más."


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(tmp_path_factory.mktemp("tiny"))


Captured = pytest.CaptureFixture[str]


def run(manifest: Path, capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    code = main([*arguments, "--collection", str(manifest)])
    out, err = capsys.readouterr()
    return code, out, err


def result(manifest: Path, capsys: Captured, *arguments: str) -> Any:
    code, out, _ = run(manifest, capsys, *arguments, "--json")
    assert code == 0
    assert out.count("\n") == 1
    return json.loads(out)


def test_trace_prints_what_it_promises(manifest: Path, capsys: Captured) -> None:
    found = result(manifest, capsys, "trace", QUERY)
    assert found["collection"] == "tiny"
    assert isinstance(found["base"], str) and found["base"]
    assert found["adapters"] == ["spanish", "math", "code"]
    assert found["layers"] == tiny.LAYERS
    assert found["lens"] == "norm"
    assert "".join(found["tokens"]) == tiny.FORM.replace("{query}", QUERY)
    for key in ("divergence", "weights"):
        assert len(found[key]) == tiny.LAYERS
        assert all(len(layer) == 3 for layer in found[key])
        assert all(value >= 0 for layer in found[key] for value in layer)
    assert [sum(layer) for layer in found["weights"]] == pytest.approx([1] * 3, abs=1e-6)
    assert all(value >= 0 for value in found["seconds"].values())


def without_seconds(out: str) -> str:
    found = json.loads(out)
    del found["seconds"]
    return json.dumps(found)


def test_the_same_query_twice_gives_the_same_bytes_but_for_seconds(
    manifest: Path, capsys: Captured
) -> None:
    for command in (["trace", QUERY], ["answer", QUERY, "--max-new-tokens", "6"]):
        first, second = (run(manifest, capsys, *command, "--json")[1] for _ in range(2))
        assert without_seconds(first) == without_seconds(second)


def test_a_chosen_lens_and_adapters_are_used(manifest: Path, capsys: Captured) -> None:
    norm = result(manifest, capsys, "trace", QUERY, "--adapters", "code, spanish")
    raw = result(manifest, capsys, "trace", QUERY, "--adapters", "code,spanish", "--lens", "raw")
    assert norm["adapters"] == raw["adapters"] == ["code", "spanish"]
    assert (norm["lens"], raw["lens"]) == ("norm", "raw")
    assert norm["divergence"] != raw["divergence"]


def test_the_manifests_settings_are_used_unless_the_command_names_others(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tiny.tiny_collection(tmp_path, position="both", normalisation="root")
    capsys.readouterr()
    names = ("lens", "position", "metric", "normalisation")
    own = result(path, capsys, "trace", QUERY)
    assert [own[name] for name in names] == ["norm", "both", "kl", "root"]
    options = ["--position", "query", "--metric", "js", "--normalisation", "softmax"]
    given = result(path, capsys, "trace", QUERY, *options, "--softmax-temperature", "0.01")
    assert [given[name] for name in names] == ["norm", "query", "js", "softmax"]
    warm = result(path, capsys, "trace", QUERY, *options)
    assert own["weights"] != given["weights"] != warm["weights"]
    assert given["divergence"] == warm["divergence"] != own["divergence"]
    asked = ["--methods", "qa-flora", "--max-new-tokens", "12"]
    answers = [
        result(path, capsys, "answer", QUERY, *asked, *more)["answers"]
        for more in ([], options, ["--position", "both", "--normalisation", "root"])
    ]
    assert answers[0] == answers[2] != answers[1]


def test_a_signal_is_chosen_and_divided_by_its_usual_one(manifest: Path, capsys: Captured) -> None:
    plain = result(manifest, capsys, "trace", QUERY)
    assert (plain["signal"], plain["relative"], plain["usual"]) == ("divergence", False, None)
    found = result(manifest, capsys, "trace", QUERY, "--signal", "change", "--relative")
    assert (found["signal"], found["relative"]) == ("change", True)
    rows = zip(found["change"], found["usual"], found["weights"], strict=True)
    for signal_K, usual_K, weights_K in rows:
        ratios = [one / usual for one, usual in zip(signal_K, usual_K, strict=True)]
        assert weights_K == pytest.approx([ratio / sum(ratios) for ratio in ratios])


def test_a_shortlist_leaves_adapters_out_and_says_so(manifest: Path, capsys: Captured) -> None:
    found = result(manifest, capsys, "trace", QUERY, "--shortlist", "2")
    whole = result(manifest, capsys, "trace", QUERY)
    assert len(found["adapters"]) == 2 and len(found["left_out"]) == 1
    assert set(found["adapters"]) | set(found["left_out"]) == set(whole["adapters"])
    alone = result(manifest, capsys, "trace", QUERY, "--adapters", ",".join(found["adapters"]))
    for one, other in zip(found["divergence"], alone["divergence"], strict=True):
        assert one == pytest.approx(other)
    code, out, error = run(
        manifest, capsys, "answer", QUERY, "--shortlist", "2", "--max-new-tokens", "2", "--json"
    )
    assert code == 0 and json.loads(out)["adapters"] == found["adapters"]
    assert f"left out by the shortlist: {found['left_out'][0]}" in error


def test_a_dash_reads_standard_input(
    manifest: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"  {QUERY} <bos>\n玛丽\n"
    expected = result(manifest, capsys, "trace", query)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(query.encode())))
    found = result(manifest, capsys, "trace", "-")
    assert found["tokens"] == expected["tokens"]
    assert query in "".join(found["tokens"])
    assert found["weights"] == expected["weights"]


def test_answer_prints_what_it_promises(manifest: Path, capsys: Captured) -> None:
    names = ["base", "static", "sum", "qa-flora", "adapter:math"]
    found = result(
        manifest, capsys, "answer", QUERY, "--methods", ",".join(names), "--max-new-tokens", "5"
    )
    assert list(found["answers"]) == names
    for answer in found["answers"].values():
        assert set(answer) == {"text", "tokens", "mean_logprob", "end"}
        assert 1 <= answer["tokens"] <= 5
        assert answer["mean_logprob"] < 0
        assert answer["end"] in ("end token", "stop string", "length")
    texts = {answer["text"] for answer in found["answers"].values()}
    assert len(texts) > 1
    assert set(found["seconds"]) >= {"answer"}


def test_answers_are_sampled_with_a_seed(manifest: Path, capsys: Captured) -> None:
    def texts(seed: int) -> Any:
        options = ["--temperature", "1.5", "--top-p", "0.9", "--seed", str(seed)]
        found = result(manifest, capsys, "answer", QUERY, "--max-new-tokens", "8", *options)
        return found["answers"]

    assert texts(1) == texts(1) != texts(2)


def test_without_json_people_read_it(manifest: Path, capsys: Captured) -> None:
    code, out, _ = run(manifest, capsys, "trace", QUERY)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["layer", "spanish", "math", "code"]
    assert len(lines) == 1 + tiny.LAYERS
    code, out, _ = run(manifest, capsys, "answer", QUERY, "--max-new-tokens", "3")
    assert code == 0
    assert "base" in out and "qa-flora" in out


BAD: dict[str, tuple[list[str], str]] = {
    "no query": (["trace", ""], "empty"),
    "only spaces": (["answer", " \n "], "empty"),
    "only control characters": (["trace", "\u0001\u0007"], "control characters"),
    "too long": (["trace", "a" * 200_000], "200000 characters"),
    "a lone surrogate": (["trace", "a\udc80"], "Unicode"),
    "an unknown adapter": (["trace", "a", "--adapters", "french"], "'french'"),
    "an unknown signal": (["trace", "a", "--signal", "loudness"], "'loudness'"),
    "an empty shortlist": (["trace", "a", "--shortlist", "0"], "0 adapters"),
    "no adapter": (["trace", "a", "--adapters", ","], "at least one"),
    "an adapter twice": (["answer", "a", "--adapters", "math,math"], "twice"),
    "an unknown lens": (["trace", "a", "--lens", "blurred"], "'blurred'"),
    "an unknown position": (["trace", "a", "--position", "mean"], "'mean'"),
    "an unknown metric": (["answer", "a", "--metric", "miles"], "'miles'"),
    "an unknown normalisation": (["trace", "a", "--normalisation", "none"], "'none'"),
    "a softmax without temperature": (["trace", "a", "--softmax-temperature", "0"], "0.0"),
    "an unknown method": (["answer", "a", "--methods", "magic"], "'magic'"),
    "no method": (["answer", "a", "--methods", ""], "No method"),
    "too many tokens": (["answer", "a", "--max-new-tokens", "100000"], "100000"),
    "no tokens": (["answer", "a", "--max-new-tokens", "0"], "0 new tokens"),
    "a temperature that is too high": (["answer", "a", "--temperature", "9"], "9"),
    "a temperature that is none": (["answer", "a", "--temperature", "nan"], "nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_2_and_one_line(case: str, manifest: Path, capsys: Captured) -> None:
    arguments, message = BAD[case]
    code, out, err = run(manifest, capsys, *arguments, "--json")
    assert (code, out) == (2, "")
    *progress, complaint = err.splitlines()
    assert not any(line.startswith("error: ") for line in progress), err
    assert complaint.startswith("error: ")
    assert message in complaint


@pytest.mark.parametrize("setting", ["lens", "position", "normalisation"])
def test_a_manifests_unknown_settings_end_with_2_and_one_line(
    setting: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tiny.tiny_collection(tmp_path, ("math",), **{setting: "blurred"})  # type: ignore[arg-type]
    capsys.readouterr()
    for command in ("trace", "answer"):
        assert main([command, "a", "--collection", str(path), "--json"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert str(tmp_path) in err and f"{setting} = 'blurred'" in err


def test_a_collection_that_is_not_there_ends_with_2_and_one_line(capsys: Captured) -> None:
    assert main(["trace", "a", "--collection", "nowhere", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "'nowhere'" in err


def test_json_is_all_that_anything_writes_to_standard_output(
    manifest: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(QUERY.encode()), "utf-8"))
    assert main(["trace", "-", "--collection", str(manifest), "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["layers"] == tiny.LAYERS
    progress = err.splitlines()
    assert "loading the base model" in progress
    assert not any("%" in line for line in progress), "each work's share begins at 0 again"


def test_a_query_that_is_no_text_is_one_line(
    manifest: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))
    code, out, err = run(manifest, capsys, "trace", "-")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("error: ") and "UTF-8" in err


def test_a_damaged_adapter_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    manifest = tiny.tiny_collection(tmp_path, ["math"])
    (tmp_path / "adapters" / "math" / "adapter_model.safetensors").write_bytes(b"no")
    capsys.readouterr()
    code, out, err = run(manifest, capsys, "trace", "a", "--json")
    assert (code, out) == (2, "")
    *_, complaint = err.splitlines()
    assert "math" in complaint and "fetch it again" in complaint


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--max-new-tokens", "0"], "0 new tokens"),
        (["--max-new-tokens", "600"], "600 new tokens are asked for: ask for 1 to 512"),
        (["--methods", "static,adapter:code", "--adapters", "spanish,math"], "leaves out: add it"),
        (["--seed", str(2**63)], f"take a whole number from 0 to {2**63 - 1}"),
        (["--methods", ","], ", ".join(written_names())),
    ],
)
def test_answer_refuses_bad_values_before_it_loads_the_base(
    manifest: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.setattr(Engine, "load", lambda *given, **named: pytest.fail("the base is loaded"))
    code, out, err = run(manifest, capsys, "answer", QUERY, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and complaint in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--max-new-tokens", "many"], "--max-new-tokens: 'many': write a whole number"),
        (["--top-p", "half"], "--top-p: 'half': write a number"),
        (["--lenss", "raw"], "unrecognized arguments: --lenss"),
    ],
)
def test_an_argument_that_cannot_be_read_is_one_line_with_the_remedy(
    capsys: Captured, arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["answer", QUERY, *arguments])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("error: ")
    assert complaint in err and "--help" in err


def test_only_the_chosen_adapters_are_loaded(manifest: Path, capsys: Captured) -> None:
    for command in ("trace", "answer"):
        more = ["--max-new-tokens", "2"] if command == "answer" else []
        code, _, err = run(manifest, capsys, command, QUERY, "--adapters", "math", *more)
        assert code == 0
        loaded = [line for line in err.splitlines() if line.startswith("loading adapter")]
        assert loaded == ["loading adapter math"]


def test_help_lists_the_methods(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["answer", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(name in out for name in written_names()) and "adapter:NAME" in out


def test_a_full_disk_is_named_in_one_line(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/results/items-0.jsonl")

    monkeypatch.setattr(prepare, "prepare", full)
    assert main(["prepare"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: The disk of /results/items-0.jsonl is full")
    monkeypatch.setattr(prepare, "prepare", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["prepare"])
