"""Sample questions of each adapter's own domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.fitting.examples import right_answer
from analysis.fitting.licences import license_of
from analysis.models.collection import AdapterEntry
from analysis.training.texts.everyday import everyday
from analysis.training.texts.examples import TextExample, read_rows
from analysis.training.texts.sources import frames_file
from analysis.training.texts.word_problems import word_problems

MOST = 20
"""Sample questions of an adapter (LoraRetriever, arXiv 2402.09997)."""

# A generator repeats itself at some time.
_TRIES = 20 * MOST


@dataclass(frozen=True)
class Samples:
    """Sample questions of an adapter.

    Attributes:
        questions: Different from each other, at most `MOST`.
        words: What they are, with their number and licence.
        answers: An answer to each, where answers were asked for.
    """

    questions: tuple[str, ...]
    words: str
    answers: tuple[str, ...] = ()


def samples_of(
    entry: AdapterEntry,
    tasks: Sequence[Task],
    data: Path | None,
    seed: int,
    *,
    answered: bool = False,
) -> Samples:
    """The sample questions of an adapter, from the first of these that has some.

    1. rows in the data folder, in a file called as the adapter;
    2. the generator of everyday questions or of word problems whose texts adapters are trained on;
    3. the English meaning of task items of the adapter's domain; where answers are asked for, of
       those with a program or an English sentence as their answer.

    Args:
        entry: The adapter.
        tasks: Task files.
        data: Folder of JSONL rows, or None.
        seed: Of the generators.
        answered: Whether answers are asked for.

    Raises:
        InputError: There are none.
    """
    tag = entry.tag or entry.name
    if data is not None and (path := data / f"{entry.name}.jsonl").is_file():
        return _from_rows(path.name, read_rows(path))
    if frames_file(tag).is_file():
        return _from_rows(f"everyday questions in {tag}", everyday(frames_file(tag), seed))
    if tag == "math":
        return _from_rows("English word problems", word_problems(seed))
    if rows := list(_english(tag, tasks, answered)):
        return _from_rows(f"items of the domain {tag}, in English", rows)
    what, needed = "sample questions", "a field english"
    if answered:
        what, needed = "questions with answers", "English or a reference"
    raise InputError(
        f"There are no {what} for the adapter {entry.name}: give --tasks with items of "
        f"the domain {tag} that have {needed}, or --data with a file {entry.name}.jsonl."
    )


def _english(tag: str, tasks: Sequence[Task], answered: bool) -> Iterator[TextExample]:
    """The items of a domain in English."""
    for task in tasks:
        for item in task.items:
            text = item.instruction if item.lang == "en" else item.more.get("english")
            answer = _english_answer(item) if answered else "."
            if item.domain == tag and isinstance(text, str) and text.strip() and answer:
                yield TextExample(text, answer, task.name, license_of(task, item))


def _english_answer(item: Item) -> str:
    """A right answer in English or in a programming language; "" where there is none."""
    return right_answer(item) if item.lang == "en" or item.reference else ""


def _from_rows(what: str, rows: Iterable[TextExample]) -> Samples:
    by_question: dict[str, TextExample] = {}
    for row in islice(rows, _TRIES):
        by_question.setdefault(row.instruction, row)
        if len(by_question) == MOST:
            break
    sources = Counter(
        (row.source or "no source named", row.license or "no licence named")
        for row in by_question.values()
    )
    counts = ", ".join(
        f"{count} of {source} ({license_})" for (source, license_), count in sources.items()
    )
    answers = tuple(row.output for row in by_question.values())
    return Samples(tuple(by_question), f"{what}: {counts}", answers)
