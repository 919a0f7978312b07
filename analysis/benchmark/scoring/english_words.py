"""English words in an answer that should be in another language.

A language identifier judges whole clauses, so that it misses a single English word, as in "…, so
3 + 5 = 8" at the end of a Spanish sentence. Such words are found by lists.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS = _words(
    "the and so is are was were has have had of to with for from by this that these those then "
    "than there they she his her it which what how because would should could did does not we "
    "you if but or each all answer"
)
# Words of the list that each language has as well; a language that is missing here was not
# compared with the list.
_OWN_WORDS = {
    "de": _words("so was her all not these are"),
    "es": _words("has are"),
    "fr": _words("or but if are for"),
    "it": _words("so are all or"),
    "pt": _words("so are for"),
}
# Languages of the identifier that are written in other letters than Latin ones.
_OTHER_LETTERS = _words(
    "am ar as be bg bn dz el fa gu he hi hy ja ka kk km kn ko ky lo mk ml mn mr ne or pa ps ru si "
    "ta te th ug uk ur zh"
)
_UNITS = _words("mm cm dm km mg kg ml cl dl kb mb gb kcal kj pm am px www")

_CODE = re.compile(r"https?://\S+|www\.\S+|</?[A-Za-z][^<>]*>|`[^`]*`")
# Two capitalised words or more, as in "New York" or "Bank of America".
_NAMES = re.compile(r"\b[A-Z][\w'-]*(?:\s+(?:(?:of|the|and|for|in)\s+)*[A-Z][\w'-]*)+")
_ASCII_WORD = re.compile(r"(?<![^\W\d_])[A-Za-z]{2,}(?![^\W\d_])")
_ASCII_IN_OTHERS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}(?![A-Za-z])")


def english_word(text: str, language: str) -> str:
    """The first English word of an answer in another language, or "".

    In languages with other letters than Latin ones every lower-case word of two Latin letters or
    more counts, but for units, links, tags and code. In those with Latin letters, and for
    capitalised words, a closed list of function words decides, without the words that the language
    has itself. Names of several capitalised words are left out. Of languages that were never
    compared with the list, and of English itself, nothing is found.

    Args:
        text: The answer.
        language: Code of the language that it should be in.
    """
    other_letters = language in _OTHER_LETTERS
    if not other_letters and language not in _OWN_WORDS:
        return ""
    words = _FUNCTION_WORDS - _OWN_WORDS.get(language, frozenset())
    prose = _NAMES.sub(" ", _CODE.sub(" ", text))
    for found in (_ASCII_IN_OTHERS if other_letters else _ASCII_WORD).findall(prose):
        # Capitals alone are an abbreviation, such as IT.
        if found.lower() in words and not found.isupper():
            return str(found)
        if other_letters and found.islower() and found not in _UNITS:
            return str(found)
    return ""


def has_own_letters(text: str, language: str) -> bool:
    """Whether a text has a letter that is not Latin, for languages that are written in such."""
    if language not in _OTHER_LETTERS:
        return True
    return any(letter.isalpha() and ord(letter) > 0x24F for letter in text)
