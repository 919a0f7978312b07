"""Overlap of items with training rows: what counts as alike, and that the test items are not."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.benchmark.tasks import Item, Task, read_tasks
from analysis.training.texts.everyday import everyday
from analysis.training.texts.overlap import overlaps
from analysis.training.texts.sources import ASSETS, frames_file
from analysis.training.texts.word_problems import drills, word_problems

MOST = 0.8


def task(text: str, **more: str) -> Task:
    return Task("t", "", (Item("1", "es", "math", "numeric", text, "1", 2.0, more=more),))


@pytest.mark.parametrize(
    ("text", "row", "share"),
    [
        ("Ana tiene 3 manzanas rojas.", "ANA tiene 12 manzanas rojas! 12 + 1", 1.0),
        ("Ana tiene 3 manzanas rojas.", "Ana tiene 3 manzanas verdes.", 0.5),
        ("Ana tiene 3 manzanas.", "Manzanas 3 tiene Ana.", 0.0),
        ("小明有三个苹果", "小明有三个苹果，又买了五个。", 1.0),
        ("小明有三个苹果", "小红有三个橘子", 0.0),
        ("¿Por qué?", "¿por qué?", 1.0),
        ("…", "…", 0.0),
    ],
)
def test_words_in_a_row_count_whatever_the_numbers(text: str, row: str, share: float) -> None:
    (found,) = overlaps([task(text)], ["something else", row])
    assert found.share == pytest.approx(share)
    assert found.row == (row if share else "")


def test_the_english_twin_counts_as_the_question_does() -> None:
    asked = task("Ana tiene 3 manzanas rojas.", english="Ana has 3 red apples.")
    (found,) = overlaps([asked], ["Ana has 9 red apples. She buys 2."])
    assert (found.share, found.text) == (1.0, "Ana has 3 red apples.")


def test_the_command_ends_with_1_where_an_item_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [
        {"id": name, "lang": "en", "domain": "math", "type": "numeric", "answer": 7,
         "instruction": text}
        for name, text in (("known", "Tom has 3 pears\nand buys 4."), ("new", "A hen lays eggs."))
    ]  # fmt: skip
    asked = tmp_path / "asked.jsonl"
    asked.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    row = {"instruction": "Tom has 8 pears and buys 1.", "output": "9"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[source]]\nrows = "rows.jsonl"\n[[source]]\ndrills = true\n')
    command = ["check-overlap", "--tasks", str(asked)]
    given = ["--recipes", str(recipe), "--data", str(tmp_path), "--drawn", "50"]
    assert main([*command, *given, "--json"]) == 1
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert [(one["item"], one["share"]) for one in result["items"]] == [
        ("known", 1.0),
        ("new", 0.0),
    ]
    assert result["rows"] == 51 and "1 of 2 items have 80 % or more" in shown.err
    rows = ["--rows", str(tmp_path / "rows.jsonl")]
    assert main([*command, *rows]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[2].startswith("| asked | known | 100 | Tom has 3 pears")
    asked.write_text(json.dumps(items[1]), encoding="utf-8")
    assert main([*command, *rows]) == 0
    for wrong, reason in (([], "no rows"), ([*rows, "--most", "2"], "--most is 2")):
        assert main([*command, *wrong]) == 2
        assert reason in capsys.readouterr().err


def test_the_test_items_are_not_what_the_generators_write() -> None:
    asked = read_tasks(sorted((ASSETS / "tasks").glob("*_test.jsonl")))
    made = [word_problems(0), drills(0)]
    made += [everyday(frames_file(language), 0) for language in ("en", "es", "ru", "zh", "many")]
    rows = (f"{row.instruction} {row.output}" for rows in made for row in islice(rows, 1500))
    alike = [one for one in overlaps(asked, rows) if one.share >= MOST]
    assert alike == []
