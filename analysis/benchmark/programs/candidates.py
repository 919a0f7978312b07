"""The program in an answer: code that defines the function that was asked for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from analysis.benchmark.programs.syntax import fenced_block, tree_of
from analysis.benchmark.tasks import Item

_BEGIN = re.compile(r"^(?:def|class|import|from|@|async def)\b", re.MULTILINE)


def program_of(text: str, item: Item) -> str | None:
    """The program that an answer makes, or None where it defines no such function.

    An answer is code, holds a fenced block of code, holds code after other words, or goes on where
    the question's own code ends. Lines at the end that are no code are left out. Code in the
    question, such as imports, comes before the answer's.

    Args:
        text: The answer as generated, indentation included.
        item: The item.
    """
    question = item.instruction.rstrip() + "\n"
    if not _is_code(question, item.entry_point):
        question = ""
    for code in _candidates(text):
        program = _whole_lines(code)
        if program is not None and _defines(program, item.entry_point):
            return question + program
    if question:
        for body in (text.strip("\n"), "    " + text.strip()):
            program = _whole_lines(question + body)
            if program is not None and _defines(program, item.entry_point):
                return program
    return None


def reference_program(item: Item) -> str | None:
    """The program of an item's own solution, or None where it defines no such function."""
    return program_of(item.reference, item)


def _candidates(text: str) -> Iterator[str]:
    fenced = fenced_block(text)
    if fenced is not None:
        yield fenced
    yield text.strip("\n")
    if begin := _BEGIN.search(text.strip()):
        yield text.strip()[begin.start() :]


def _whole_lines(code: str) -> str | None:
    """The longest part from the beginning, in whole lines, that parses; None without code."""
    lines = code.split("\n")
    for end in range(len(lines), 0, -1):
        part = "\n".join(lines[:end])
        if part.strip() and tree_of(part) is not None:
            return part
    return None


def _defines(code: str, name: str) -> bool:
    """Whether the last definition of a function has a body."""
    functions = _functions(code, name)
    return bool(functions) and _has_body(functions[-1])


def _is_code(question: str, name: str) -> bool:
    """Whether a question is code that begins the function, with its docstring at least."""
    return bool(_functions(question, name))


def _functions(code: str, name: str) -> list[ast.FunctionDef]:
    tree = tree_of(code)
    nodes = [] if tree is None else tree.body
    return [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name]


def _has_body(function: ast.FunctionDef) -> bool:
    """Whether more than a docstring is in a function: a question's own stub is no answer."""
    return any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )
