"""English word problems without end: one or two steps, solved in words.

Solutions end in "The answer is N.", so that both the number and the language of an answer can be
seen. The splits share no name, no object and no sentence: "train" is for training, "dev" is for
choices (its errors may be looked at), "test" is for measuring alone.
"""

import random
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from analysis.training.texts.examples import TextExample

SOURCE = "word problems (own generator)"
LICENSE = "Apache-2.0"
Split = Literal["train", "dev", "test"]


def word_problems(
    seed: int, *, split: Split = "train", two_step: float = 0.25, distractor: float = 0.15
) -> Iterator[TextExample]:
    """Yield word problems for ever, the same for the same seed.

    Args:
        seed: of the random choices.
        split: whose names, objects and sentences are used.
        two_step: share of problems with two steps.
        distractor: share with a sentence whose number plays no part.
    """
    rng = random.Random(f"word problems {seed} {split}")
    parts = _parts()[split]
    while True:
        yield (
            _two_steps(rng, parts) if rng.random() < two_step else _one_step(rng, parts, distractor)
        )


@cache
def _parts() -> dict[str, Any]:
    text = (Path(__file__).parent / "word_problems.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def numbers(rng: random.Random, op: str) -> tuple[int, int, int]:
    """`a op b = c` that a small model can learn: up to 60 for sums, tables up to 10."""
    high = rng.choice((12, 30, 60))
    if op == "+":
        a, b = rng.randint(2, high), rng.randint(2, rng.choice((9, high)))
        return (a, b, a + b) if rng.random() < 0.7 else (b, a, a + b)
    if op == "-":
        a = rng.randint(6, high)
        b = rng.randint(2, a - 2)
        return a, b, a - b
    a, b = rng.randint(2, 10), rng.randint(2, 10)
    return (a, b, a * b) if op == "*" else (a * b, b, a)


def _people(rng: random.Random, parts: dict[str, Any]) -> dict[str, str]:
    """The words for the placeholders of one problem."""
    woman = rng.random() < 0.5
    name = rng.choice(parts["women" if woman else "men"])
    friend = rng.choice([n for n in parts["women"] + parts["men"] if n != name])
    container = rng.randrange(len(parts["containers"]))
    return {
        "N": name,
        "F": friend,
        "she": "she" if woman else "he",
        "She": "She" if woman else "He",
        "her": "her" if woman else "his",
        "Her": "Her" if woman else "His",
        "him": "her" if woman else "him",
        "o": rng.choice(parts["objects"]),
        "c": parts["containers"][container],
        "cs": parts["plurals"][container],
        "p": rng.choice(parts["places"]),
        "d": str(rng.randint(2, 60)),
    }


def _one_step(rng: random.Random, parts: dict[str, Any], distractor: float) -> TextExample:
    words = _people(rng, parts)
    op = rng.choice("++--**//")
    events = [event for event in parts["event"] if event["op"] == op]
    wholes = [whole for whole in parts["whole"] if whole["op"] == op]
    a, b, c = numbers(rng, op)
    words |= {"a": str(a), "b": str(b)}
    extra = rng.choice(parts["distractors"]) + " " if rng.random() < distractor else ""
    if events and rng.random() < len(events) / (len(events) + len(wholes)):
        start, event = rng.choice(parts["start"]), rng.choice(events)
        question = rng.choice(_questions(parts, event))
        text = f"{start['text']} {extra}{event['text']} {question}"
        told = f"{start['told']} and {event['told']}"
    else:
        whole = rng.choice(wholes)
        text, told = extra + whole["text"], whole["told"]
    solution = f"{told}, so {a} {op} {b} = {c}. The answer is {c}."
    return _row(text, solution, words, f"one step {op}")


def _two_steps(rng: random.Random, parts: dict[str, Any]) -> TextExample:
    words = _people(rng, parts)
    start = rng.choice(parts["start"])
    first = rng.choice([event for event in parts["event"] if event["op"] in "+-*"])
    second = rng.choice([event for event in parts["event"] if event["op"] in "+-"])
    while True:
        a, b, c = numbers(rng, first["op"])
        _, e, _ = numbers(rng, second["op"])
        f = c + e if second["op"] == "+" else c - e
        if 2 <= f <= 150:
            break
    text = " ".join(
        [
            start["text"].replace("{a}", str(a)),
            first["text"].replace("{b}", str(b)),
            second["text"].replace("{b}", str(e)),
            rng.choice(_questions(parts, second)),
        ]
    )
    solution = (
        f"{start['told'].replace('{a}', str(a))} and {first['told'].replace('{b}', str(b))}, "
        f"so {a} {first['op']} {b} = {c}. Then {second['told'].replace('{b}', str(e))}, "
        f"so {c} {second['op']} {e} = {f}. The answer is {f}."
    )
    return _row(text, solution, words, "two steps")


def _questions(parts: dict[str, Any], event: dict[str, Any]) -> list[str]:
    own: list[str] = event.get("question", [])
    return own or parts["question"]["left" if event["op"] == "-" else "total"]


def _row(text: str, solution: str, words: dict[str, str], task: str) -> TextExample:
    return TextExample(_fill(text, words), _fill(solution, words), SOURCE, LICENSE, task)


def _fill(text: str, words: dict[str, str]) -> str:
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    return text


def drills(seed: int, facts: int = 4) -> Iterator[TextExample]:
    """Yield bare sums, a few to a row, for ever: many number facts for few tokens."""
    rng = random.Random(f"drills {seed}")
    while True:
        parts = [(op, *numbers(rng, op)) for op in rng.choices("++--*/", k=facts)]
        asked = ", ".join(f"{a} {op} {b}" for op, a, b, _ in parts)
        solved = ", ".join(f"{a} {op} {b} = {c}" for op, a, b, c in parts)
        yield TextExample(
            f"Work out {asked}.", solved + ".", "sums (own generator)", LICENSE, "drill"
        )
