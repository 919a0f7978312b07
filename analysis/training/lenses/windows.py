"""Texts as windows of tokens: the prompts that a lens is fitted and checked on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from analysis.common.errors import InputError
from analysis.models.collection import PromptForm
from analysis.training.texts.batches import encode
from analysis.training.texts.everyday import everyday
from analysis.training.texts.examples import ExampleSource, TextExample, mix, read_rows
from analysis.training.texts.sources import frames_file
from analysis.training.texts.word_problems import word_problems

OWN = "own"
"""Names the bundled texts where a file could stand."""
OWN_DATA = "everyday questions and word problems of this project (Apache-2.0)"
_LANGUAGES = ("en", "es", "ru", "zh")


@dataclass(frozen=True)
class Text:
    """A source of text.

    Attributes:
        name: The file's name, or the name of a bundled source.
        content: Rows, which may go on for ever and are joined until a window is full; or the text
            of a whole file, which is cut into windows.
        license: Licences and origins of its rows, as far as they say.
    """

    name: str
    content: Iterator[TextExample] | str
    license: str = ""


def read_texts(names: Sequence[str], seed: int) -> list[Text]:
    """Opens texts.

    Args:
        names: Files: JSONL rows with `instruction` and `output`, or plain text in UTF-8; `OWN`
            stands for the bundled everyday texts in four languages and the word problems.
        seed: Of the order of the rows.

    Raises:
        InputError: A file is not there, or cannot be read.
    """
    texts: list[Text] = []
    for name in names:
        path = Path(name)
        if name == OWN:
            for language in _LANGUAGES:
                rows = everyday(frames_file(language), seed)
                texts.append(Text(f"everyday {language}", rows))
            texts.append(Text("word problems", word_problems(seed)))
        elif path.suffix == ".jsonl":
            found = read_rows(path)
            stated = sorted({f"{row.source} ({row.license})" for row in found if row.source})
            shuffled = mix([ExampleSource(path.name, found)], seed)
            texts.append(Text(path.name, shuffled, ", ".join(stated)))
        else:
            try:
                texts.append(Text(path.name, path.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"The text {name!r} cannot be read ({error}): name a file in UTF-8, or {OWN}."
                ) from error
    if not texts:
        raise InputError(f"There is no text: name a file, or {OWN}.")
    return texts


def windows(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Text],
    form: PromptForm | None,
    tokens: int,
    seed: int,
) -> Iterator[tuple[int, ...]]:
    """Windows of text, from each source in turn; the same arguments give the same windows.

    A window begins with the begin token, if the tokenizer has one. Files are cut into windows,
    which come in random order and over again; windows of rows are never the same.

    Args:
        tokenizer: The base's.
        texts: From `read_texts`.
        form: The prompt form of rows; None for the tokenizer's chat template.
        tokens: The length of a window.
        seed: Of the order of a file's windows.

    Raises:
        InputError: A file is shorter than a window.
    """
    begin = tokenizer.bos_token_id
    head = (begin,) if isinstance(begin, int) else ()
    size = tokens - len(head)
    rng = random.Random(f"windows {seed}")
    sources = [
        _cut(tokenizer, text.name, text.content, size, rng)
        if isinstance(text.content, str)
        else _joined(tokenizer, text.content, form, size, head)
        for text in texts
    ]
    for source in cycle(sources):
        yield (*head, *next(source))


def _joined(
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterator[TextExample],
    form: PromptForm | None,
    size: int,
    head: tuple[int, ...],
) -> Iterator[list[int]]:
    """Whole rows as the engine reads and answers them, the last of a window cut off."""
    while True:
        ids: list[int] = []
        while len(ids) < size:
            row = encode(tokenizer, next(rows), form)
            # The window has the begin token already.
            begins = bool(head) and row.prompt[: len(head)] == head
            ids += [*row.prompt[len(head) if begins else 0 :], *row.answer]
        yield ids[:size]


def _cut(
    tokenizer: PreTrainedTokenizerBase, name: str, text: str, size: int, rng: random.Random
) -> Iterator[list[int]]:
    # Control tokens that the text spells stay text.
    encoded: Any = tokenizer(text, add_special_tokens=False, split_special_tokens=True)
    ids = list(encoded["input_ids"])
    parts = [ids[first : first + size] for first in range(0, len(ids) - size + 1, size)]
    if not parts:
        raise InputError(
            f"{name} has {len(ids)} tokens, fewer than a window of {size}: name a longer text "
            "or ask for fewer --tokens."
        )
    while True:
        yield from rng.sample(parts, len(parts))
