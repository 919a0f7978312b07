"""Rows for training: read, filtered, mixed; and the generators of our own."""

import json
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.training.recipe import make_recipe, read_recipe
from analysis.training.texts.everyday import everyday, read_frames
from analysis.training.texts.examples import (
    ExampleSource,
    TextExample,
    mix,
    read_rows,
    report,
    take_tokens,
)
from analysis.training.texts.sources import ASSETS
from analysis.training.texts.word_problems import Split, _parts, word_problems

FRAMES = sorted((ASSETS / "everyday").glob("*.toml"))
ASKED = [path for path in FRAMES if path.with_name(f"questions_{path.stem}.jsonl").is_file()]
RECIPES = sorted(ASSETS.glob("collections/*/recipes/*.toml"))


def jsonl(path: Path, *items: object) -> Path:
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    return path


def test_rows_are_filtered_and_repeats_dropped(tmp_path: Path) -> None:
    keep = {"instruction": "a", "output": "b", "task": "chat"}
    long = {"instruction": "a" * 10, "output": "b", "task": "chat"}
    other = {"instruction": "c", "output": "d", "task": "reading-qa"}
    path = jsonl(tmp_path / "rows.jsonl", keep, long, keep, other)
    assert read_rows(path, max_characters=5, skip=("reading",)) == [
        TextExample("a", "b", task="chat")
    ]
    assert [row.task for row in read_rows(path, tasks=("reading-qa",))] == ["reading-qa"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 is not a JSON object"),
        ('{"instruction": "a"}', "line 1 has no output"),
        ('{"instruction": "a", "output": 3}', "line 1 has no output"),
        ('{"instruction": " ", "output": "b"}', "line 1 has no instruction"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=complaint):
        read_rows(path)


def test_a_filter_that_leaves_nothing_says_so(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", {"instruction": "a", "output": "b"})
    with pytest.raises(InputError, match="1 read, none within 1 characters"):
        read_rows(path, max_characters=1)


def test_a_mix_follows_its_weights_and_uses_each_row_before_it_repeats() -> None:
    many = [TextExample(str(number), "x", "many") for number in range(300)]
    few = [TextExample(str(number), "x", "few") for number in range(50)]
    sources = [ExampleSource("many", many, 3.0), ExampleSource("few", few, 1.0)]
    drawn = list(islice(mix(sources, seed=1), 400))
    counts = Counter(row.source for row in drawn)
    assert 240 < counts["many"] < 360
    assert max(Counter(row for row in drawn if row.source == "many").values()) <= 2
    assert len({row for row in drawn if row.source == "few"}) == 50
    assert drawn == list(islice(mix(sources, seed=1), 400))
    assert drawn != list(islice(mix(sources, seed=2), 400))


def test_a_generator_that_repeats_itself_is_thinned_but_never_stuck() -> None:
    def rows() -> object:
        while True:
            yield TextExample("a", "b")
            yield TextExample("c", "d")

    drawn = list(islice(mix([ExampleSource("g", rows())], seed=0), 5))  # type: ignore[arg-type]
    assert {row.instruction for row in drawn[:2]} == {"a", "c"}
    assert len(drawn) == 5


def test_the_budget_is_reached_and_the_report_counts() -> None:
    rows = take_tokens(iter([TextExample("a", "b", "s", "l")] * 9), lambda row: 4, budget=10)
    assert report(rows) == [{"source": "s", "license": "l", "rows": 3, "unique": 1}]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), split=st.sampled_from(["train", "dev", "test"]))
def test_every_solution_is_right(seed: int, split: Split) -> None:
    for row in islice(word_problems(seed, split=split), 8):
        assert not re.search(r"[{}]", row.instruction + row.output), row
        steps = re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", row.output)
        assert len(steps) == (2 if row.task == "two steps" else 1)
        for a, op, b, c in steps:
            results = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}
            assert results.get(op, int(a) / int(b)) == int(c)
        assert row.output.endswith(f"The answer is {steps[-1][-1]}.")
        asked = re.findall(r"\d+", row.instruction)
        assert steps[0][0] in asked and all(b in asked for _, _, b, _ in steps)


def test_word_problems_are_seeded() -> None:
    first = list(islice(word_problems(3), 200))
    assert first == list(islice(word_problems(3), 200))
    assert first != list(islice(word_problems(4), 200))
    assert len(set(first)) > 195


@pytest.mark.parametrize("one, other", [("train", "dev"), ("train", "test"), ("dev", "test")])
def test_the_splits_of_the_word_problems_share_nothing(one: Split, other: Split) -> None:
    first, second = _parts()[one], _parts()[other]
    for kind in ("women", "men", "objects", "containers", "places", "distractors"):
        assert first[kind] and not set(first[kind]) & set(second[kind])
    for kind in ("start", "event", "whole"):
        assert not {part["text"] for part in first[kind]} & {part["text"] for part in second[kind]}
    for kind in ("total", "left"):
        assert not set(first["question"][kind]) & set(second["question"][kind])


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_bundled_frames_fill_without_a_gap(path: Path) -> None:
    rows = list(islice(everyday(path, seed=0), 600))
    assert rows == list(islice(everyday(path, seed=0), 600))
    assert len(set(rows)) > 450
    for row in rows:
        assert not re.search(r"[{}]", row.instruction + row.output), row
        assert row.instruction.strip() and row.output.strip()


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.stem)
def test_bundled_frames_ask_none_of_the_questions_that_measure(path: Path) -> None:
    questions = (path.parent / f"questions_{path.stem}.jsonl").read_text(encoding="utf-8")
    asked = {json.loads(line)["instruction"] for line in questions.splitlines() if line.strip()}
    assert len(asked) == 50
    assert not asked & {row.instruction for row in islice(everyday(path, seed=0), 5000)}


def test_there_are_frames_for_three_languages_and_for_foreign_rows() -> None:
    assert [path.stem for path in ASKED] == ["es", "ru", "zh"]
    assert [path.stem for path in FRAMES] == ["en", "es", "many", "ru", "zh"]


def test_slots_and_records_agree_within_a_row(tmp_path: Path) -> None:
    path = tmp_path / "xx.toml"
    path.write_text(
        'lang = "xx"\n[slots]\nday = ["one", "two", "three"]\n'
        '[[records.animal]]\nname = "cat"\narticle = "a"\n'
        '[[records.animal]]\nname = "owl"\narticle = "an"\n'
        '[[frame]]\nask = ["{animal.name} {day}"]\nanswer = ["{animal.article} {day}"]\n'
    )
    rows = list(islice(everyday(path, seed=0), 60))
    assert {row.instruction.split()[0] for row in rows} == {"cat", "owl"}
    for row in rows:
        assert row.output.split()[0] == {"cat": "a", "owl": "an"}[row.instruction.split()[0]]
        assert row.output.split()[1] == row.instruction.split()[1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lang = ", "is not TOML"),
        ('lang = "xx"', "at least one"),
        ('lang = "xx"\n[[frame]]\nask = ["a"]', "needs both"),
        ('lang = "xx"\n[[frame]]\nask = ["{b}"]\nanswer = ["c"]', "uses {b}"),
    ],
)
def test_bad_frames_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "xx.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_frames(path)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_bundled_recipes_can_be_read(path: Path) -> None:
    recipe = read_recipe(path, {"rank": 4})
    assert (recipe.name, recipe.rank) == (path.stem, 4)
    assert recipe.purpose and recipe.limits and recipe.sources


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"name": "a", "colour": 1}, "unknown field 'colour'"),
        ({"name": "a", "rank": 0}, "rank is 0"),
        ({"name": "a", "weight_range": [1.0, 0.3]}, "weight_range 1.0 0.3"),
        ({"name": "a", "source": [{"weight": 1.0}]}, "exactly one of"),
    ],
)
def test_bad_recipes_are_refused(content: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make_recipe(content, "here")
