"""Files of lessons: what is refused, where the mistake is, and what falls back to English."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from analysis.common.errors import InputError
from app.learn.lessons import FOLDER, load_lessons
from app.learn.texts import INTERFACE, load_interface
from app.learn.toml_file import TomlFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good lesson, in English alone."""
    lesson = tmp_path / "weights"
    lesson.mkdir()
    for name in ("lesson.toml", "en.toml"):
        shutil.copy(FOLDER / "weights" / name, lesson / name)
    return tmp_path


def _changed(path: Path, old: str, new: str) -> int:
    """Changes a file, and gives the number of the changed line."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    line = text[: text.index(old)].count("\n") + 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return line


def test_the_lessons_of_the_page_are_good_and_in_order() -> None:
    lessons = load_lessons()
    assert [lesson.order for lesson in lessons] == list(range(1, 7))
    assert 30 <= sum(lesson.minutes for lesson in lessons) <= 48
    interface = load_interface()
    # Whatever languages a lesson has, the tab can speak.
    assert {language for lesson in lessons for language in lesson.texts} <= set(interface)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("lesson.toml", 'figure = "shares"', 'figure = "pie"', "figure is 'pie': take one of"),
        ("lesson.toml", "minutes = 7", "minutes = true", "minutes is True: write a whole number"),
        ("lesson.toml", 'ask = ["leaders"]', 'ask = ["weight"]', "has choices only after the run"),
        ("lesson.toml", 'ask = ["leaders"]', 'ask = ["doubled"]', "run.copies must be true"),
        ("lesson.toml", 'stage = ["explanation"', 'stages = ["explanation"', "is not known"),
        ("lesson.toml", '"qa-flora"', '"qa-floor"', "is 'qa-floor': take one of"),
        ("en.toml", 'title = "From differences to weights"', 'title = ""', "title is empty"),
        ("en.toml", "choices.two =", "choices.too =", "choices.too is not known"),
        ("en.toml", "{leader} leads", "{winner} leads", "names {winner}: take some of"),
        ("en.toml", 'explain = "', 'explained = "', "explained is not known"),
    ],
)
def test_a_mistake_says_file_and_line(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    path = folder / "weights" / file
    line = _changed(path, old, new)
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        load_lessons(folder)
    place = re.match(rf"{re.escape(str(path))}, line (\d+): ", str(caught.value))
    assert place
    if "run.copies" not in said:  # that is about another line than the changed one
        assert int(place[1]) == line


def test_a_missing_english_text_is_refused_and_another_language_falls_back(folder: Path) -> None:
    (folder / "weights" / "eo.toml").write_text(
        'title = "Pezoj"\n[ask.weight]\nhints = ["Dividu."]\n', encoding="utf-8"
    )
    (lesson,) = load_lessons(folder)
    english, other = lesson.texts["en"], lesson.texts["eo"]
    assert other["title"] == "Pezoj" and other["ask"]["weight"]["hints"] == ["Dividu."]
    assert other["idea"] == english["idea"]
    assert other["ask"]["weight"]["question"] == english["ask"]["weight"]["question"]
    assert english["title"] == "From differences to weights"
    _changed(folder / "weights" / "en.toml", 'answer = "', '# answer = "')
    with pytest.raises(InputError, match=r"en.toml, line 1: answer is missing"):
        load_lessons(folder)


def test_every_other_language_has_the_form_of_english(tmp_path: Path) -> None:
    shutil.copy(INTERFACE / "en.toml", tmp_path / "en.toml")
    (tmp_path / "eo.toml").write_text('language = "Esperanto"\n[steps]\nidea = "Ideo"\n')
    words = load_interface(tmp_path)
    assert words["eo"]["steps"]["idea"] == "Ideo"
    assert words["eo"]["steps"]["run"] == words["en"]["steps"]["run"]
    (tmp_path / "eo.toml").write_text('language = "E"\n[figures]\nwords = ["a"]\n')
    with pytest.raises(InputError, match=r"eo.toml, line 3: figures.words has another form"):
        load_interface(tmp_path)


def test_lines_are_found_below_long_texts(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text('a = """\nb = 1\n[c]\n"""\n[d.e]\nf.g = 1\n', encoding="utf-8")
    file = TomlFile(path)
    assert "line 6" in str(file.error(("d", "e", "f", "g"), "x"))
    assert "line 5" in str(file.error(("d", "e", "lacking"), "x"))
    assert "line 1" in str(file.error(("b",), "x"))
    path.write_text("a = = 1")
    with pytest.raises(InputError, match=r"not valid TOML.*line 1"):
        TomlFile(path)
