"""Scores of answers: the language, the syntax."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from analysis.benchmark.programs.syntax import fenced_block, tree_of
from analysis.benchmark.scoring.english_words import english_word, has_own_letters
from analysis.common.errors import InputError

# Relatives included, so that Portuguese does not count as Spanish.
LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "pt", "ru", "zh")
_FORMULA = re.compile(r"[\d+*/=<>×÷$€%^_\\-]+")
_WORD = re.compile(r"[^\W\d_]{2}|[^\x00-\u024f\W\d_]")  # two letters, or one that is not Latin
_DOUBT = 2.0  # nats
_CLAUSES = re.compile(r"[.!?\n。！？]+\s*|, ")


def parses(text: str) -> bool:
    """Whether an answer is Python that parses; the code of a fenced block, if there is one."""
    fenced = fenced_block(text)
    code = (text if fenced is None else fenced).strip()
    return bool(code) and tree_of(code) is not None


def answers_in(language: str) -> Callable[[str], bool]:
    """A function that tells whether an answer is in a language, throughout.

    The identifier must not find another language likelier for the whole answer, nor English for a
    clause of two or more words, by more than a factor of e² (a few words fit several related
    languages); and no word may be English: a mathematics adapter takes over the words of a question
    and goes on in English ("Ana tiene 3, so 3 + 2 = 5. The answer is 5.").

    Raises:
        InputError: The identifier is not installed, or does not know the language.
    """
    if not identifies(language):
        raise InputError(f"Language is {language!r}: take a code such as {', '.join(LANGUAGES)}.")
    lead = _lead_over(language, LANGUAGES)
    english_lead = _lead_over(language, ("en",))

    def answers(text: str) -> bool:
        words = _words(text)
        if not _WORD.search(words) or not has_own_letters(words, language):
            return False
        clauses = [found for one in _CLAUSES.split(text) if len((found := _words(one)).split()) > 1]
        return (
            not english_word(text, language)
            and lead(words) <= _DOUBT
            and all(english_lead(clause) <= _DOUBT for clause in clauses)
        )

    return answers


def identifies(language: str) -> bool:
    """Whether the identifier knows a language, by its code.

    Raises:
        InputError: The identifier is not installed.
    """
    return language in _loaded().nb_classes


def _lead_over(language: str, others: Sequence[str]) -> Callable[[str], float]:
    """A function from words to the lead of the likeliest of `others` over a language, in nats.

    It is 0 where none leads, and where the identifier knows no part of the words.
    """
    identifier = copy.copy(_loaded())  # shares the model, which takes half a second to load
    identifier.set_languages(sorted({*others, language}))

    def lead(words: str) -> float:
        found = {name: float(value) for name, value in identifier.rank(words)}
        return max(found.values()) - found[language]

    return lead


@lru_cache(maxsize=1)
def _loaded() -> Any:
    """The identifier of all languages that it knows, never to be changed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise InputError(
            "Languages are told apart by py3langid, which is not installed: "
            "pip install py3langid (it is in requirements.txt)."
        ) from error
    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _words(text: str) -> str:
    """A text without digits and formulas, which belong to every language; "" without letters."""
    words = _FORMULA.sub(" ", text).strip()
    return words if any(character.isalpha() for character in words) else ""
