"""The dev set of each adapter, and the score that the adapter is for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analysis.benchmark.scoring.numbers import is_number
from analysis.benchmark.scoring.text_checks import answers_in, identifies, parses
from analysis.benchmark.statistics import Share, share
from analysis.common.errors import InputError
from analysis.models.collection import AdapterEntry
from analysis.training.evaluation.subject import Subject, SubjectRunner
from analysis.training.texts.examples import TextExample, read_rows
from analysis.training.texts.sources import ASSETS
from analysis.training.texts.word_problems import word_problems

Score = Callable[[SubjectRunner, Subject], Share]


@dataclass(frozen=True)
class DevSet:
    """Rows of an adapter's own kind.

    Attributes:
        name: The file's, or the generator's.
        adapter: The adapter whose own rows these are.
        rows: The rows whose loss is measured.
    """

    name: str
    adapter: str
    rows: tuple[TextExample, ...]


@dataclass(frozen=True)
class OwnScore:
    """A score that an adapter is for: the share of answers that are right.

    Attributes:
        adapter: The adapter that the score is for.
        counted: The answers that count as right, in words.
        score: Measures a subject.
    """

    adapter: str
    counted: str
    score: Score


HELD_OUT = "word problems, held out"


def dev_sets(
    data: Path, adapters: Sequence[AdapterEntry], most: int, log: Callable[[str], None]
) -> list[DevSet]:
    """The dev files in a folder that belong to one of the adapters, and held-out word problems.

    A file belongs to the adapter whose name or tag it has: `lang_fr.jsonl` or `fr.jsonl` to the
    language adapter with the tag `fr`, `law_en.jsonl` or `law.jsonl` to the adapter of another kind
    with the tag `law`.

    Args:
        data: The folder.
        adapters: The collection's.
        most: The most rows of each file.
        log: Told which files belong to no adapter.

    Raises:
        InputError: None of the files belongs to an adapter, or one cannot be read.
    """
    sets = []
    others = []
    for path in sorted(data.glob("*.jsonl")):
        owner = next((entry for entry in adapters if _belongs(path.stem, entry)), None)
        if owner is None:
            others.append(path.name)
        else:
            rows = tuple(read_rows(path)[:most])
            sets.append(DevSet(path.stem, owner.name, rows))
    if not sets:
        names = ", ".join(f"{_usual_name(entry)}.jsonl" for entry in adapters)
        raise InputError(f"{str(data)!r} has no dev set: --data is the folder of {names}.")
    if others:
        log(f"left out, of no adapter: {', '.join(others)}")
    mathematics = _named(adapters, "math")
    if mathematics is not None:
        sets.append(DevSet(HELD_OUT, mathematics.name, tuple(held_out(most))))
    return sets


def own_scores(
    sets: Sequence[DevSet], adapters: Sequence[AdapterEntry], problems: int, most: int
) -> list[OwnScore]:
    """The score of each adapter that has one.

    An adapter for mathematics is asked word problems, a language adapter everyday questions, and an
    adapter whose rows have the `task` `snippet`, `function` or `mcq` is asked these.

    Args:
        sets: The dev sets.
        adapters: The collection's.
        problems: Number of word problems.
        most: The most questions of a language that has no everyday questions of this project's.
    """
    scores: list[OwnScore] = []
    for entry in adapters:
        rows = [
            row
            for found in sets
            if found.adapter == entry.name and found.name != HELD_OUT
            for row in found.rows
        ]
        if entry is _named(adapters, "math"):
            one_step = held_out(problems, two_step=0.0)
            counted = "one-step problems, number right"
            scores.append(OwnScore(entry.name, counted, _numbers(one_step)))
        elif entry.kind == "language" and (questions := _questions(entry.tag, rows, most)):
            counted = f"everyday questions answered in {entry.label or entry.name}"
            scores.append(OwnScore(entry.name, counted, _language(questions, entry.tag)))
        elif python := [row for row in rows if row.task in ("snippet", "function")]:
            scores.append(OwnScore(entry.name, "answers that parse as Python", _parses(python)))
        elif choices := [row for row in rows if row.task == "mcq"]:
            scores.append(OwnScore(entry.name, "multiple choice right", _choices(choices)))
    return scores


def _belongs(stem: str, entry: AdapterEntry) -> bool:
    keys = {entry.name, entry.tag} - {""}
    if stem.removeprefix("lang_") in keys:
        return True
    topic, _, language = stem.rpartition("_")
    # `es_math` holds rows of two adapters: it is not the language's.
    return entry.kind != "language" and topic in keys and language.isalpha()


def _usual_name(entry: AdapterEntry) -> str:
    key = entry.tag or entry.name
    return {"language": f"lang_{key}", "task": f"{key}_en", "other": key}[entry.kind]


def _named(adapters: Sequence[AdapterEntry], key: str) -> AdapterEntry | None:
    return next((entry for entry in adapters if key in (entry.name, entry.tag)), None)


def _questions(language: str, rows: Sequence[TextExample], most: int) -> list[str]:
    """Questions to be answered in a language.

    Those of this project, or else those of the dev rows whose own answer is in the language: such
    rows may also be translations out of it. None of a language that the identifier does not know.
    """
    path = ASSETS / "everyday" / f"questions_{language}.jsonl"
    if path.is_file():
        # A JSON string may hold other characters that `splitlines` takes for the end of a line.
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line)["instruction"] for line in lines if line.strip()]
    if not identifies(language):
        return []
    in_language = answers_in(language)
    return [row.instruction for row in rows if in_language(row.output)][:most]


def held_out(count: int, two_step: float = 0.25) -> list[TextExample]:
    """The first held-out word problems: sentences, names and objects that training never saw."""
    return list(islice(word_problems(0, split="test", two_step=two_step), count))


def _answers(
    runner: SubjectRunner, subject: Subject, rows: Sequence[TextExample], new_tokens: int
) -> list[str]:
    return runner.answers(subject, [row.instruction for row in rows], new_tokens)


def _numbers(rows: Sequence[TextExample]) -> Score:
    def score(runner: SubjectRunner, subject: Subject) -> Share:
        answers = _answers(runner, subject, rows, 64)
        right = [float(row.output.rstrip(".").rsplit(" ", 1)[1]) for row in rows]
        return share(is_number(text, value) for text, value in zip(answers, right, strict=True))

    return score


def _language(questions: Sequence[str], code: str) -> Score:
    def score(runner: SubjectRunner, subject: Subject) -> Share:
        return share(map(answers_in(code), runner.answers(subject, questions, 24)))

    return score


def _parses(rows: Sequence[TextExample]) -> Score:
    def score(runner: SubjectRunner, subject: Subject) -> Share:
        return share(parses(text) for text in _answers(runner, subject, rows, 96))

    return score


_OPTION = re.compile(r"^[A-E]\. .+$", re.MULTILINE)


def _choices(rows: Sequence[TextExample]) -> Score:
    def score(runner: SubjectRunner, subject: Subject) -> Share:
        candidates = [
            (index, TextExample(row.instruction, option), option == row.output)
            for index, row in enumerate(rows)
            for option in _OPTION.findall(row.instruction)
        ]
        best: dict[int, tuple[float, bool]] = {}
        losses = runner.losses(subject, [row for _, row, _ in candidates])
        for (index, _, right), (loss, tokens) in zip(candidates, losses, strict=True):
            best[index] = min(best.get(index, (float("inf"), False)), (loss / tokens, right))
        return share(right for _, right in best.values())

    return score
