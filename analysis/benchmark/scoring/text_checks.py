"""Scores of answers: the language, the syntax."""

from __future__ import annotations

import ast
import copy
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from analysis.common.errors import InputError

# Relatives included, so that Portuguese does not count as Spanish.
LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "pt", "ru", "zh")
_FORMULA = re.compile(r"[\d+*/=<>×÷$€%^_\\-]+")
_CLAUSES = re.compile(r"[.!?\n。！？]+\s*|, ")
_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)(?:```|\Z)", re.DOTALL)


def parses(text: str) -> bool:
    """Whether an answer is Python that parses; the code of a fenced block, if there is one."""
    fenced = _FENCE.search(text)
    code = (fenced.group(1) if fenced else text).strip()
    if not code:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def answers_in(language: str) -> Callable[[str], bool]:
    """A function that tells whether an answer is in a language, throughout.

    The identifier must say so of the whole answer, and of no clause of two or more words that it
    is English instead: a mathematics adapter takes over the words of a question and goes on in
    English ("Ana tiene 3, so 3 + 2 = 5. The answer is 5.").

    Raises:
        InputError: The identifier is not installed, or does not know the language.
    """
    if not identifies(language):
        raise InputError(f"Language is {language!r}: take a code such as {', '.join(LANGUAGES)}.")
    identify = _identifier((*LANGUAGES, language))
    foreign = _identifier(("en", language))

    def answers(text: str) -> bool:
        clauses = [clause for clause in _CLAUSES.split(text) if len(_words(clause).split()) > 1]
        return identify(text) == language and all(foreign(one) == language for one in clauses)

    return answers


def identifies(language: str) -> bool:
    """Whether the identifier knows a language, by its code.

    Raises:
        InputError: The identifier is not installed.
    """
    return language in _loaded().nb_classes


def _identifier(languages: tuple[str, ...]) -> Callable[[str], str]:
    """A function from a text to one of `languages`, "" for a text without letters."""
    identifier = copy.copy(_loaded())  # shares the model, which takes half a second to load
    identifier.set_languages(sorted(set(languages)))

    def identify(text: str) -> str:
        words = _words(text)
        return str(identifier.classify(words)[0]) if words else ""

    return identify


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
