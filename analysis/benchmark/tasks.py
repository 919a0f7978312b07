"""Task files: items with one right answer each, as JSON lines."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from analysis.common.errors import InputError

ItemType = Literal["numeric", "mcq", "function", "yesno"]


@dataclass(frozen=True)
class Item:
    """One item of a task.

    Attributes:
        id: Name of the item, unique in its file.
        lang: Code of the language that the item is asked in.
        domain: Subject of the item, such as `math`.
        type: `numeric`, `mcq`, `function` or `yesno`.
        instruction: The question.
        cluster: Items of one cluster ask the same or were made from one template; the item's id
            where the file names none.
        answer: The right answer: a number for `numeric`, otherwise text or None.
        choices: The options; the right one among them.
        gold: Index of the right option, from 0; None where the item has no options.
        entry_point: Name of the function that is asked for.
        reference: A right solution of a `function`.
        test: Assertions on the function, or a function `check(candidate)` with them.
        more: The fields of the line that the harness does not know.
    """

    id: str
    lang: str
    domain: str
    type: ItemType
    instruction: str
    cluster: str
    answer: float | str | None = None
    choices: tuple[str, ...] = ()
    gold: int | None = None
    entry_point: str = ""
    reference: str = ""
    test: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gold_answer(self) -> str:
        """The right answer as text, for its likelihood; "" where the item has none.

        A number has none: written alone, it is the whole answer of a terse model only, and a
        method that explains itself would look worse for it.
        """
        if isinstance(self.answer, float):
            return ""
        if self.answer is not None:
            return self.answer
        return self.reference if self.gold is None else self.choices[self.gold]


@dataclass(frozen=True)
class Task:
    """The items of one file.

    Attributes:
        name: Name of the file, without folder and ending.
        sha256: Digest of the file.
        items: The items, in the file's order.
    """

    name: str
    sha256: str
    items: tuple[Item, ...]


ItemCheck = Callable[[Item], str]
"""A further check of an item: its fault in words, or ""."""


def read_tasks(
    paths: Sequence[Path], limit: int | None = None, check: ItemCheck | None = None
) -> tuple[Task, ...]:
    """Reads task files; see `read_task`.

    Raises:
        InputError: A file cannot be used, or two files have the same name.
    """
    if not paths:
        raise InputError("No task is named: give --tasks a JSONL file.")
    tasks = tuple(read_task(path, limit, check) for path in paths)
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two task files are called {name!r}: rename one, or name it once.")
    return tasks


def _read_json(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        # The decoder would count lines within this line.
        raise ValueError(f"it is not JSON ({error.msg} at character {error.pos + 1})") from error


def read_task(path: Path, limit: int | None = None, check: ItemCheck | None = None) -> Task:
    """Reads a file of items, one JSON object a line; blank lines are skipped.

    Args:
        path: The file.
        limit: The most items, from the top of the file; all by default.
        check: A further check of each item that is kept.

    Raises:
        InputError: The file cannot be read, or a line is not an item; the message names file, line
            and reason.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a JSONL file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}): convert it.") from error
    items: list[Item] = []
    lines: dict[str, int] = {}
    # A text may hold other characters that `splitlines` takes for the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = _item(_read_json(line))
            if item.id in lines:
                raise ValueError(f"id {item.id!r} is that of line {lines[item.id]}, too")
            # The reading of a whole file costs little; a further check may cost much.
            fault = check(item) if check and (limit is None or len(items) < limit) else ""
            if fault:
                raise ValueError(fault)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}, line {number} is not an item: {error}. Correct it or take it out."
            ) from error
        lines[item.id] = number
        items.append(item)
    if not items:
        raise InputError(f"{path} has no items: give a file with some.")
    return Task(path.stem, hashlib.sha256(content).hexdigest(), tuple(items[:limit]))


_KNOWN = (
    "id", "lang", "domain", "type", "instruction", "cluster", "answer", "choices", "gold",
    "entry_point", "reference", "test",
)  # fmt: skip


def _item(line: Any) -> Item:
    if not isinstance(line, dict):
        raise ValueError("it is no JSON object")
    kind = _text(line, "type")
    if kind not in get_args(ItemType):
        raise ValueError(f"type is {kind!r}, not one of {', '.join(get_args(ItemType))}")
    choices = _choices(line)
    item = Item(
        id=_name(line, "id"),
        lang=_text(line, "lang"),
        domain=_text(line, "domain"),
        type=cast(ItemType, kind),
        instruction=_text(line, "instruction"),
        cluster=_name(line, "cluster" if line.get("cluster") is not None else "id"),
        answer=_number(line) if kind == "numeric" else _optional_text(line, "answer"),
        choices=choices,
        gold=_gold(line, choices),
        entry_point=_optional_text(line, "entry_point") or "",
        reference=_optional_text(line, "reference") or "",
        test=_optional_text(line, "test") or "",
        more={name: value for name, value in line.items() if name not in _KNOWN},
    )
    if kind in ("mcq", "yesno") and (len(choices) < 2 or item.gold is None):
        raise ValueError(f"{kind} needs at least two choices, and gold, the index of the right one")
    if kind == "function":
        for name in ("entry_point", "reference", "test"):
            _text(line, name)
        if not item.entry_point.isidentifier():
            raise ValueError(f"entry_point is {item.entry_point!r}, which names no function")
    return item


def _text(line: dict[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is missing" if name not in line else f"{name} is not text")
    return value


def _name(line: dict[str, Any], name: str) -> str:
    """A name, which may be written as a whole number."""
    value = line.get(name)
    return str(value) if type(value) is int else _text(line, name)


def _optional_text(line: dict[str, Any], name: str) -> str | None:
    return None if line.get(name) is None else _text(line, name)


def _number(line: dict[str, Any]) -> float:
    value = line.get("answer")
    try:
        number = math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"answer is {value!r}, which is no number")
    return number


def _choices(line: dict[str, Any]) -> tuple[str, ...]:
    value = line.get("choices")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError("choices is no list of texts")
    if len(set(value)) < len(value):
        raise ValueError("choices holds the same text twice")
    return tuple(value)


def _gold(line: dict[str, Any], choices: tuple[str, ...]) -> int | None:
    value = line.get("gold")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(choices):
        raise ValueError(f"gold is {value!r}, which is no index of the {len(choices)} choices")
    return value
