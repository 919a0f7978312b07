"""Task files: items with one right answer each, as JSON lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from analysis.benchmark.lines import fields
from analysis.benchmark.lines.faults import Faults
from analysis.common.errors import InputError

ItemType = Literal["numeric", "mcq", "function", "yesno"]


@dataclass(frozen=True)
class Item:
    """One item of a task.

    Attributes:
        id: Name of the item, unique in its file.
        lang: Code of the language that the item is asked in, such as `pt` or `pt-BR`.
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
    def language(self) -> str:
        """The language without region or script: `pt` of `pt-BR`."""
        return self.lang.replace("_", "-").partition("-")[0].lower()

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
        InputError: A file cannot be used, or two files have the same name. The faults of all files
            are told together.
    """
    if not paths:
        raise InputError("No task is named: give --tasks a JSONL file.")
    names = [path.stem for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two task files are called {name!r}: rename one, or name it once.")
    faults = Faults()
    tasks = tuple(_read_task(path, limit, check, faults) for path in paths)
    faults.check()
    return tasks


def read_task(path: Path, limit: int | None = None, check: ItemCheck | None = None) -> Task:
    """Reads a file of items, one JSON object a line; blank lines are skipped.

    Args:
        path: The file.
        limit: The most items, from the top of the file; all by default.
        check: A further check of each item that is kept.

    Raises:
        InputError: The file cannot be read, or lines are not items; the messages name file, line
            and reason.
    """
    faults = Faults()
    task = _read_task(path, limit, check, faults)
    faults.check()
    return task


def _read_task(path: Path, limit: int | None, check: ItemCheck | None, faults: Faults) -> Task:
    """Reads a file, and gathers its faults."""
    content = b""
    items: list[Item] = []
    lines: dict[str, int] = {}
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        faults.add(f"{path} cannot be read ({error.strerror}): give a JSONL file.")
        return Task(path.stem, "", ())
    except UnicodeDecodeError as error:
        faults.add(f"{path} is not UTF-8 ({error}): convert it.")
        return Task(path.stem, "", ())
    if not text.strip():
        faults.add(f"{path} has no items: give a file with some.")
    # A text may hold other characters that `splitlines` takes for the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = _item(fields.read_json(line), path.stem)
            if item.id in lines:
                raise ValueError(f"id {item.id!r} is that of line {lines[item.id]}, too")
            # The reading of a whole file costs little; a further check may cost much.
            fault = check(item) if check and (limit is None or len(items) < limit) else ""
            if fault:
                raise ValueError(fault)
        except InputError:
            # Not of this line: the check itself cannot run here.
            raise
        except ValueError as error:
            faults.add_line(path, number, str(error))
        else:
            lines[item.id] = number
            items.append(item)
    return Task(path.stem, hashlib.sha256(content).hexdigest(), tuple(items[:limit]))


_KNOWN = (
    "id", "lang", "domain", "type", "instruction", "cluster", "answer", "choices", "gold",
    "entry_point", "reference", "test",
)  # fmt: skip


def _item(line: dict[str, Any], task: str) -> Item:
    kind = fields.text(line, "type")
    if kind not in get_args(ItemType):
        raise ValueError(f"type is {kind!r}, not one of {', '.join(get_args(ItemType))}")
    choices = fields.texts(line, "choices")
    item = Item(
        id=fields.name_of(line, "id"),
        lang=fields.language(line, "lang"),
        domain=fields.label(line, "domain"),
        type=cast(ItemType, kind),
        instruction=fields.text(line, "instruction"),
        # An id is of its own file: item 1 of two files is not one cluster.
        cluster=f"{task}/{fields.name_of(line, 'id')}"
        if line.get("cluster") is None
        else fields.name_of(line, "cluster"),
        answer=fields.number(line, "answer")
        if kind == "numeric"
        else fields.optional_text(line, "answer"),
        choices=choices,
        gold=fields.index(line, "gold", len(choices)),
        entry_point=fields.optional_text(line, "entry_point") or "",
        reference=fields.optional_text(line, "reference") or "",
        test=fields.optional_text(line, "test") or "",
        more={name: value for name, value in line.items() if name not in _KNOWN},
    )
    if kind in ("mcq", "yesno") and (len(choices) < 2 or item.gold is None):
        raise ValueError(f"{kind} needs at least two choices, and gold, the index of the right one")
    if kind == "function":
        for name in ("entry_point", "reference", "test"):
            fields.text(line, name)
        if not item.entry_point.isidentifier():
            raise ValueError(f"entry_point is {item.entry_point!r}, which names no function")
    return item
