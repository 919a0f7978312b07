"""The dev set of each adapter, and the score that the adapter is for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analysis.benchmark.scoring.numbers import is_number
from analysis.benchmark.scoring.text_checks import answers_in, parses
from analysis.benchmark.statistics import Share, share
from analysis.common.errors import InputError
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


FILES = {
    "math_en": "math",
    "lang_es": "spanish",
    "lang_ru": "russian",
    "lang_zh": "chinese",
    "code_en": "code",
    "medical_en": "medical",
}
LANGUAGES = {"spanish": "es", "russian": "ru", "chinese": "zh"}


def dev_sets(data: Path, adapters: Sequence[str], most: int) -> list[DevSet]:
    """The dev files in a folder that belong to one of the adapters, and held-out word problems.

    Raises:
        InputError: None of the files is there.
    """
    sets = [
        DevSet(name, adapter, tuple(read_rows(data / f"{name}.jsonl")[:most]))
        for name, adapter in FILES.items()
        if adapter in adapters and (data / f"{name}.jsonl").is_file()
    ]
    if not sets:
        names = ", ".join(f"{name}.jsonl" for name in FILES)
        raise InputError(f"{str(data)!r} has no dev set: --data is the folder of {names}.")
    if "math" in adapters:
        sets.append(DevSet("word problems, held out", "math", tuple(held_out(most))))
    return sets


def own_scores(sets: Sequence[DevSet], adapters: Sequence[str], problems: int) -> list[OwnScore]:
    """The score of each adapter that has one."""
    scores: list[OwnScore] = []
    if "math" in adapters:
        one_step = held_out(problems, two_step=0.0)
        scores.append(OwnScore("math", "one-step problems, number right", _numbers(one_step)))
    for adapter, code in LANGUAGES.items():
        questions = ASSETS / "everyday" / f"questions_{code}.jsonl"
        if adapter in adapters and questions.is_file():
            what = f"everyday questions answered in {adapter.capitalize()}"
            scores.append(OwnScore(adapter, what, _language(questions, code)))
    rows = {found.adapter: found.rows for found in sets if found.name in FILES}
    if python := [row for row in rows.get("code", ()) if row.task in ("snippet", "function")]:
        scores.append(OwnScore("code", "answers that parse as Python", _parses(python)))
    if choices := [row for row in rows.get("medical", ()) if row.task == "mcq"]:
        scores.append(OwnScore("medical", "multiple choice right", _choices(choices)))
    return scores


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


def _language(path: Path, code: str) -> Score:
    # A JSON string may hold other characters that `splitlines` takes for the end of a line.
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [TextExample(json.loads(line)["instruction"], ".") for line in lines if line.strip()]

    def score(runner: SubjectRunner, subject: Subject) -> Share:
        in_language = answers_in(code)
        answers = _answers(runner, subject, rows, 24)
        return share(map(in_language, answers))

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
