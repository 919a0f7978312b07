"""Everyday questions and whole-sentence answers in one language, from frames in a TOML file.

    lang = "es"
    [slots]
    comida = ["paella", "sopa de verduras"]
    [[records.animal]]
    name = "gato"
    article = "el"
    [[frame]]
    theme = "cocina"
    ask = ["¿Cómo se prepara {comida}?"]
    answer = ["Para preparar {comida}, primero ..."]

Any answer of a frame goes with any of its questions. A slot stands for one value throughout a
row; a record does too, and its fields (`{animal.name}`) agree with each other.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.training.texts.examples import TextExample

LICENSE = "Apache-2.0"
_FIELD = re.compile(r"\{([^{}\s]+)\}")


def everyday(path: Path, seed: int) -> Iterator[TextExample]:
    """Yield rows for ever, the same for the same seed; frames come equally often.

    Raises:
        InputError: the file is missing or not of the form above, or names an unknown slot.
    """
    content = read_frames(path)
    rng = random.Random(f"everyday {content['lang']} {seed}")
    source = f"everyday {content['lang']} (own generator)"
    while True:
        for frame in rng.sample(content["frame"], len(content["frame"])):
            chosen: dict[str, Any] = {}
            ask, answer = rng.choice(frame["ask"]), rng.choice(frame["answer"])
            ask, answer = (_fill(text, content, chosen, rng) for text in (ask, answer))
            yield TextExample(ask, answer, source, LICENSE, "everyday")


def read_frames(path: Path) -> dict[str, Any]:
    """Read a file of frames and check that every field it uses can be filled."""
    if not path.is_file():
        raise InputError(f"There is no file of frames {str(path)!r}. Give a TOML file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is not TOML: {error}.") from error
    if not content.get("lang") or not content.get("frame"):
        raise InputError(f"{path.name} needs `lang` and at least one [[frame]].")
    for number, frame in enumerate(content["frame"], start=1):
        where = f"{path.name}, frame {number} ({frame.get('theme', 'no theme')})"
        if not frame.get("ask") or not frame.get("answer"):
            raise InputError(f"{where} needs both `ask` and `answer`.")
        for text in [*frame["ask"], *frame["answer"]]:
            for field in _FIELD.findall(text):
                if not _values(content, field):
                    raise InputError(f"{where} uses {{{field}}}, which no slot or record has.")
    return content


def _values(content: dict[str, Any], field: str) -> list[Any]:
    """The values of a field: texts of a slot, or the records that have the field."""
    name, _, key = field.partition(".")
    if not key:
        slot: list[Any] = content.get("slots", {}).get(name, [])
        return slot
    return [record for record in content.get("records", {}).get(name, []) if key in record]


def _fill(text: str, content: dict[str, Any], chosen: dict[str, Any], rng: random.Random) -> str:
    def value(match: re.Match[str]) -> str:
        name, _, key = match[1].partition(".")
        if name not in chosen:
            chosen[name] = rng.choice(_values(content, match[1]))
        return str(chosen[name][key] if key else chosen[name])

    return _FIELD.sub(value, text)
