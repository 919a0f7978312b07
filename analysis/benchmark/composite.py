"""A question that needs two adapters: word problems asked in another language.

The mathematics adapter alone may find the number and answer in English; the language adapter alone
answers in the language and gets the number wrong. An answer counts if both are right.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.benchmark.numbers import is_number
from analysis.benchmark.results import CompositeResult, MethodScores, ProblemAnswer
from analysis.benchmark.scoring import answers_in
from analysis.benchmark.statistics import share
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.methods import fuse

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "tasks" / "es_word_problems.jsonl"


@dataclass(frozen=True)
class Problem:
    """A word problem and its answer."""

    id: str
    instruction: str
    answer: float


def read_problems(path: Path, most: int | None = None) -> list[Problem]:
    """Read JSONL problems with `id`, `instruction` and a numeric `answer`.

    Raises:
        InputError: The file is missing, or a line is no such problem.
    """
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}: give a JSONL file of problems.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8 ({error}): save it as UTF-8.") from error
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            answer = float(item["answer"])
            problems.append(Problem(str(item.get("id", number)), str(item["instruction"]), answer))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path.name}, line {number} is no problem ({error}): it needs a JSON object with "
                "`instruction` and a number as `answer`."
            ) from error
    if not problems:
        raise InputError(f"{path.name} has no problems: give a file with some.")
    return problems[:most]


def compare(
    engine: Engine,
    problems: Sequence[Problem],
    language: str,
    adapters: Sequence[str],
    methods: Sequence[str],
    say: Callable[[str], None],
    lens: str = "norm",
    new_tokens: int = 64,
) -> CompositeResult:
    """Answer every problem with every method, greedily, and score the answers.

    Args:
        engine: The collection's.
        problems: Word problems.
        language: Code of the language they are asked in.
        adapters: The two to fuse.
        methods: Names of methods, such as `qa-flora` and `adapter:math`.
        say: Takes a line of progress.
        lens: That divergences are read through.
        new_tokens: The longest an answer may get.

    Returns:
        Scores and answers of all methods.
    """
    in_language = answers_in(language)
    began = time.monotonic()
    prompts = [engine.prompt(problem.instruction) for problem in problems]
    settings = replace(engine.settings, lens=lens)
    rows = [fuse(methods, engine.context(prompt, adapters, settings)) for prompt in prompts]
    say(f"weights for {len(problems)} problems, {time.monotonic() - began:.0f} s")
    answers: list[ProblemAnswer] = []
    for place, method in enumerate(methods):
        found_answers = engine.answer_all(
            prompts, [of_prompt[place] for of_prompt in rows], new_tokens=new_tokens
        )
        texts = [found.text.strip() for found in found_answers]
        answers += [
            ProblemAnswer(
                problem.id,
                method,
                text,
                is_number(text, problem.answer, language),
                in_language(text),
            )
            for problem, text in zip(problems, texts, strict=True)
        ]
        found = _scores(answers, method)
        counts = (
            f"number {found.number.right}, language {found.language.right}, both {found.both.right}"
        )
        say(f"{method}: {counts} of {len(problems)} right, {time.monotonic() - began:.0f} s")
    return CompositeResult(
        language=language,
        adapters=tuple(adapters),
        lens=lens,
        problems=len(problems),
        scores={method: _scores(answers, method) for method in methods},
        answers=tuple(answers),
        seconds=round(time.monotonic() - began, 1),
    )


def _scores(answers: Sequence[ProblemAnswer], method: str) -> MethodScores:
    own = [answer for answer in answers if answer.method == method]
    return MethodScores(
        number=share(answer.number for answer in own),
        language=share(answer.language for answer in own),
        both=share(answer.number and answer.language for answer in own),
    )
