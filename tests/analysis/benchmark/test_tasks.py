"""Task files: what is read, and what is refused with file, line and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.benchmark.tasks import read_task, read_tasks
from analysis.common.errors import InputError, InputErrors
from analysis.engine import Engine
from analysis.training.texts.sources import ASSETS
from tests.tiny import tiny_collection

NUMERIC = {
    "id": "a", "lang": "es", "domain": "math", "type": "numeric", "instruction": "¿1 + 1?",
    "answer": 2,
}  # fmt: skip
CHOICE = {
    "id": "b", "lang": "sw", "domain": "law", "type": "mcq", "instruction": "Which?",
    "choices": ["x", "y"], "gold": 1, "answer": "It is y.", "source": "ours",
}  # fmt: skip
FUNCTION = {
    "id": "c", "lang": "es", "domain": "code", "type": "function", "instruction": "Suma.",
    "entry_point": "add", "reference": "def add(a, b):\n    return a + b",
    "test": "assert add(1, 2) == 3",
}  # fmt: skip


def write(folder: Path, *lines: Any, name: str = "task.jsonl") -> Path:
    path = folder / name
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(written) + "\n", encoding="utf-8")
    return path


def test_items_are_read_and_unknown_fields_kept(tmp_path: Path) -> None:
    task = read_task(write(tmp_path, NUMERIC, "", {**CHOICE, "cluster": "k"}, FUNCTION))
    number, choice, function = task.items
    assert task.name == "task" and len(task.sha256) == 64
    assert (number.answer, number.cluster, number.gold_answer) == (2.0, "task/a", "")
    assert (choice.cluster, choice.more) == ("k", {"source": "ours"})
    assert (choice.choices, choice.gold, choice.gold_answer) == (("x", "y"), 1, "It is y.")
    assert function.gold_answer == FUNCTION["reference"]


def test_an_option_is_the_gold_answer_where_no_sentence_says_it(tmp_path: Path) -> None:
    line = {name: value for name, value in CHOICE.items() if name != "answer"}
    assert read_task(write(tmp_path, line)).items[0].gold_answer == "y"


def test_ids_may_be_numbers_and_a_line_may_hold_any_character(tmp_path: Path) -> None:
    line = {**NUMERIC, "id": 7, "instruction": "one\u2028two"}
    item = read_task(write(tmp_path, json.dumps(line, ensure_ascii=False))).items[0]
    assert (item.id, item.cluster, item.instruction) == ("7", "task/7", "one\u2028two")


def test_items_of_two_files_share_no_cluster_by_their_ids(tmp_path: Path) -> None:
    first, second = (write(tmp_path, NUMERIC, name=f"{name}.jsonl") for name in ("a", "b"))
    clusters = {read_task(path).items[0].cluster for path in (first, second)}
    assert clusters == {"a/a", "b/a"}
    shared = (write(tmp_path, {**NUMERIC, "cluster": "k"}, name=f"{n}.jsonl") for n in "cd")
    assert {read_task(path).items[0].cluster for path in shared} == {"k"}


@pytest.mark.parametrize("lang", ["sw", "pt-BR", "zh_Hant_TW", "es-419", "Quechua"])
def test_any_language_may_be_named(tmp_path: Path, lang: str) -> None:
    (item,) = read_task(write(tmp_path, {**NUMERIC, "lang": lang})).items
    assert item.lang == lang and item.language == lang.replace("_", "-").split("-")[0].lower()


def test_a_question_that_is_too_long_is_named_with_its_item(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ("math",))
    path = write(tmp_path, NUMERIC, {**NUMERIC, "id": "long", "instruction": "word " * 9000})
    command = ["benchmark", "--tasks", str(path), "--collection", str(manifest)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    assert "error: Task task, item long: The query has" in capsys.readouterr().err


def test_a_limit_takes_the_first_items(tmp_path: Path) -> None:
    path = write(tmp_path, NUMERIC, CHOICE, FUNCTION)
    checked: list[str] = []
    task = read_task(path, 2, lambda item: checked.append(item.id) or "")  # type: ignore[func-returns-value]
    assert [item.id for item in task.items] == checked == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it is not JSON (Expecting property name enclosed in double quotes at character 2; "),
        pytest.param('{"a":' * 100_000, "it is nested too deeply", id="deep"),
        pytest.param('{"a":' + "9" * 5000 + "}", "a number with thousands of digits", id="digits"),
        ({**NUMERIC, "answer": 10**400}, "answer is 1000"),
        ({**NUMERIC, "answer": "3,5"}, 'answer is "3,5", which is no number such as 3.5'),
        ({**NUMERIC, "instruction": "half \ud800"}, "half a character"),
        ({**CHOICE, "choices": ["x", "\udfff"]}, "half a character"),
        ({**NUMERIC, "lang": "in Spanish"}, "write a code such as es"),
        ({**NUMERIC, "lang": "es\u202e"}, "write a code such as es"),
        ({**NUMERIC, "domain": "a\u001b[31m"}, "control characters"),
        ({**NUMERIC, "id": "a\nb"}, "control characters"),
        ("[1]", "no JSON object"),
        ({**NUMERIC, "lang": ""}, "lang is empty"),
        ({**NUMERIC, "lang": 3}, "lang is 3, which is not text"),
        ({name: value for name, value in NUMERIC.items() if name != "domain"}, "domain is missing"),
        ({**NUMERIC, "type": "essay"}, "type is 'essay'"),
        ({**NUMERIC, "answer": ""}, "answer is empty: it must be a number"),
        ({**NUMERIC, "answer": None}, "answer is missing"),
        ({**CHOICE, "answer": " "}, "answer is empty."),
        ({**CHOICE, "choices": ["x", ""]}, "choices holds an empty text"),
        ({**NUMERIC, "answer": "two"}, 'answer is "two"'),
        ({**NUMERIC, "answer": True}, "answer is true"),
        ('{"id":"a","lang":"es","domain":"m","type":"numeric","instruction":"q","answer":NaN}',
         "answer is NaN"),
        ({**CHOICE, "choices": ["x"], "gold": 0}, "at least two choices"),
        ({**CHOICE, "choices": ["x", "x"]}, "the same text twice"),
        ({**CHOICE, "choices": "xy"}, "no list of texts"),
        ({**CHOICE, "gold": 2}, "no index of the 2 choices"),
        ({**CHOICE, "gold": True}, "no index"),
        ({**CHOICE, "type": "yesno", "gold": None}, "gold, the index"),
        ({**FUNCTION, "test": None}, "test is null, which is not text"),
        ({**FUNCTION, "entry_point": "a b"}, "names no function"),
        ({**NUMERIC, "id": "first"}, "that of line 1"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(tmp_path: Path, line: Any, reason: str) -> None:
    path = write(tmp_path, {**NUMERIC, "id": "first"}, line)
    with pytest.raises(InputError) as caught:
        read_task(path)
    message = str(caught.value)
    assert f"{path}, line 2" in message and reason in message and "\n" not in message
    assert len(message) < len(str(path)) + 250


def test_all_malformed_lines_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, "{", NUMERIC, {**CHOICE, "gold": 9}, name="first.jsonl")
    nowhere = tmp_path / "nowhere.jsonl"
    second = write(tmp_path, {**NUMERIC, "answer": ""}, {**FUNCTION, "lang": ""}, name="b.jsonl")
    with pytest.raises(InputErrors) as caught:
        read_tasks([first, nowhere, second])
    messages = caught.value.messages
    assert [message.partition(" is not an item")[0] for message in messages] == [
        f"{first}, line 1",
        f"{first}, line 3",
        f"{nowhere} cannot be read (No such file or directory): give a JSONL file.",
        f"{second}, line 1",
        f"{second}, line 2",
    ]
    assert "answer is empty" in messages[3] and "lang is empty" in messages[4]


@pytest.mark.parametrize(
    ("count", "last"), [(20, "line 20 is"), (21, "1 more line has"), (25, "5 more lines have")]
)
def test_more_than_twenty_malformed_lines_are_counted(
    tmp_path: Path, count: int, last: str
) -> None:
    with pytest.raises(InputErrors) as caught:
        read_task(write(tmp_path, *["{"] * count))
    messages = caught.value.messages
    assert len(messages) == min(count, 21) and last in messages[-1]


def test_the_command_names_each_malformed_line_before_a_model_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "load", lambda *_: pytest.fail("a model was loaded"))
    path = write(tmp_path, "{", NUMERIC, [])
    assert main(["benchmark", "--tasks", str(path), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    named = [line for line in lines if line.startswith(f"error: {path}, line ")]
    assert [line.partition(" is ")[0][-1] for line in named] == ["1", "3"]
    assert not (tmp_path / "out").exists()


def test_a_further_check_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1 is not an item: too easy"):
        read_task(write(tmp_path, NUMERIC), None, lambda item: "too easy")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_task(tmp_path / "nowhere.jsonl")
    with pytest.raises(InputError, match="has no items"):
        read_task(write(tmp_path, ""))
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b"\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        read_task(latin)
    (tmp_path / "other").mkdir()
    paths = [write(tmp_path, NUMERIC), write(tmp_path / "other", NUMERIC)]
    with pytest.raises(InputError, match="Two task files are called 'task'"):
        read_tasks(paths)
    with pytest.raises(InputError, match="No task"):
        read_tasks([])


@pytest.mark.parametrize(
    "path", sorted((ASSETS / "tasks").glob("*.jsonl")), ids=lambda path: path.stem
)
def test_the_bundled_task_files_can_be_read(path: Path) -> None:
    assert len(read_task(path).items) >= 30
