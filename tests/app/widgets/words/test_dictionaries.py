"""The dictionaries of the page: their files, and whether they have every word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.catalogue.groups import groups
from analysis.common.errors import InputError
from app.widgets.glossary import load_glossary
from app.widgets.panels import ASSETS
from app.widgets.words.dictionaries import load_dictionaries

ROOT = ASSETS.parent
LANGUAGES = ("de", "es", "fr")
GRADIO = ("Reset to default value", "Clear")
"""What Gradio itself writes on the page."""


def _constants(path: Path) -> Iterator[tuple[str, bool]]:
    """The texts of a module, each with whether it is the pattern of a `say`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, False
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
            (pattern,) = node.args
            if isinstance(pattern, ast.Constant):
                yield str(pattern.value), True


def test_every_word_is_in_every_language_and_every_entry_is_a_word_of_the_page() -> None:
    own_modules = [one for path in (ROOT / "app").rglob("*.py") for one in _constants(path)]
    rooms = ("catalogue", "inference", "measure", "methods", "models")
    modules = [path for room in rooms for path in (ROOT / "analysis" / room).rglob("*.py")]
    modules.append(ROOT / "analysis" / "engine.py")
    of_analysis = [one for path in modules for one in _constants(path)]
    # The scripts of the Learn tab have texts of their own, by keys.
    paths = [path for path in (ASSETS / "js").rglob("*.js") if not path.name.startswith("learn")]
    scripts = "\n".join(path.read_text("utf-8") for path in paths)
    drawn = scripts + (ASSETS / "intro.svg").read_text("utf-8")
    said = {text for text, is_said in (*own_modules, *of_analysis) if is_said and text}
    said |= {one[1] for one in re.finditer(r'\b(?:say|words)\("([^"]+)"', scripts)}
    assert len(said) > 150
    texts = (text for text, _ in (*own_modules, *of_analysis))
    titles = (group.title for group in groups())
    page = "\n".join((drawn, *GRADIO, *titles, *texts)).lower()
    page += "\n" + " ".join(page.split())  # Markdown, as the browser shows it
    glossary = load_glossary()
    dictionaries = load_dictionaries(glossary)
    assert set(dictionaries) == set(LANGUAGES)
    for language, own in dictionaries.items():
        lacking = sorted(said - set(own.words))
        assert not lacking, f"add to assets/words/{language}.toml: {lacking}"
        assert set(own.words) == set(dictionaries["es"].words)
        spellings = {one.lower() for term in glossary.values() for one in term.spellings}
        assert set(own.labels) == spellings, f"a term lacks its [glossary.…] in {language}"
    known = dictionaries["es"].words
    stale = [one for one in known if one.removesuffix(" · paper").lower() not in page]
    assert not stale, f"no longer on the page, but in assets/words: {stale}"


@pytest.mark.parametrize(
    ("written", "line", "fault"),
    [
        ('language = "X"\n[grid]\n"a {b}" = "c"', 3, "same names in braces"),
        ('language = "X"\n[grid]\n"a" = ""', 3, "has no translation"),
        ('language = "X"\n[a]\n"x" = "y"\n[b]\n"x" = "z"', 3, "stands here twice"),
        ('[grid]\n"a" = "b"', 1, "language is missing"),
        ('language = "X"\nloose = "b"', 2, "is no table"),
        ('language = "X"\n[glossary.nothing]\ntext = "b"', 2, "is no term"),
        ('language = "X"\n[glossary.layer]\nalso = ["b"]', 2, "needs a text"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path: Path, written: str, line: int, fault: str) -> None:
    (tmp_path / "xx.toml").write_text(written, encoding="utf-8")
    with pytest.raises(InputError, match=rf"xx\.toml, line {line}: .*{fault}"):
        load_dictionaries(load_glossary(), tmp_path)


def test_a_dictionary_may_lack_words_but_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_text('language = "Italiano"', encoding="utf-8")
    assert load_dictionaries(load_glossary(), tmp_path)["it"].words == {}
    (tmp_path / "it.toml").rename(tmp_path / "Italian words.toml")
    with pytest.raises(InputError, match=r"such as es\.toml"):
        load_dictionaries(load_glossary(), tmp_path)
