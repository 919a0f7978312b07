"""Training rows: reading, filtering, mixing by weight, and a report of their sources."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from analysis.common.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class TextExample:
    """One example: a question, its answer, and their source."""

    instruction: str
    output: str
    source: str = ""
    license: str = ""
    task: str = ""


@dataclass(frozen=True)
class ExampleSource:
    """Rows to draw from, and how often relative to the other sources."""

    name: str
    rows: Iterable[TextExample]
    weight: float = 1.0


def read_rows(
    path: Path,
    *,
    max_characters: int = 700,
    tasks: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> list[TextExample]:
    """Read JSONL rows, keep those short enough, drop repeats.

    Args:
        path: a file with one JSON object a line, with `instruction` and `output`.
        max_characters: longest instruction plus output that is kept.
        tasks: keep only rows whose `task` starts with one of these (all, if empty).
        skip: drop rows whose `task` starts with one of these.

    Raises:
        InputError: the file is missing, a line is not such an object, or nothing is left.
    """
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}. Give a JSONL file of rows.")
    try:
        # Windows programs begin a file with a byte order mark.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}): convert it.") from error
    # A JSON string may hold other characters that `splitlines` takes for the end of a line.
    rows = [
        _row(line, f"{path.name}, line {number}")
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    kept = [
        row
        for row in rows
        if len(row.instruction) + len(row.output) <= max_characters
        and (not tasks or row.task.startswith(tasks))
        and not (skip and row.task.startswith(skip))
    ]
    unique = list(dict.fromkeys(kept))
    if not unique:
        raise InputError(
            f"No row of {path.name} is left: {len(rows)} read, none within {max_characters} "
            f"characters and the tasks asked for. Loosen the filter."
        )
    return unique


def _row(line: str, where: str) -> TextExample:
    remedy = 'Each line must be a JSON object with texts "instruction" and "output".'
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        fault = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise InputError(f"{where} is not JSON ({fault}). {remedy}") from error
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a JSON object. {remedy}")
    texts = {key: fields.get(key, "") for key in TextExample.__dataclass_fields__}
    for key in ("instruction", "output"):
        if not isinstance(texts[key], str) or not texts[key].strip():
            raise InputError(f"{where} has no {key}. {remedy}")
    return TextExample(**{key: str(value).strip() for key, value in texts.items()})


def mix(sources: list[ExampleSource], seed: int) -> Iterator[TextExample]:
    """Draw rows for ever, each source as often as its weight says.

    A list is shuffled and used up before any of its rows comes again; an iterator (a
    generator of rows) is simply followed. A row drawn a second time from an iterator is
    skipped, so generated rows do not repeat while new ones can be had.
    """
    if not sources or any(source.weight <= 0 for source in sources):
        raise InputError("A mix needs at least one source, each with a weight above 0.")
    rng = random.Random(seed)
    draws = [_draw(source, random.Random(rng.random())) for source in sources]
    weights = [source.weight for source in sources]
    while True:
        yield next(rng.choices(draws, weights)[0])


def _draw(source: ExampleSource, rng: random.Random) -> Iterator[TextExample]:
    if isinstance(source.rows, list):
        rows = list(source.rows)
        if not rows:
            raise InputError(f"The source {source.name!r} has no rows. Leave it out.")
        while True:
            rng.shuffle(rows)
            yield from rows
    seen: set[TextExample] = set()
    repeats = 0
    for row in source.rows:
        if row in seen and repeats < 50:
            repeats += 1
            continue
        repeats = 0
        seen.add(row)
        yield row


def take_tokens(rows: Iterator[T], count: Callable[[T], int], budget: int) -> list[T]:
    """The first rows of `rows` that together reach `budget` tokens, as `count` counts them."""
    taken: list[T] = []
    while budget > 0:
        row = next(rows)
        budget -= count(row)
        taken.append(row)
    return taken


def report(rows: list[TextExample]) -> list[dict[str, str | int]]:
    """How many rows came from which source under which licence, most first."""
    counts = Counter((row.source, row.license) for row in rows)
    unique = Counter((row.source, row.license) for row in dict.fromkeys(rows))
    return [
        {"source": source, "license": license, "rows": number, "unique": unique[source, license]}
        for (source, license), number in counts.most_common()
    ]
