"""Python code in an answer: the fenced block, and its syntax tree."""

from __future__ import annotations

import ast
import re
import warnings

_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)(?:```|\Z)", re.DOTALL)


def fenced_block(text: str) -> str | None:
    """The content of the first fenced block; None without one."""
    fenced = _FENCE.search(text)
    return fenced.group(1) if fenced else None


def tree_of(code: str) -> ast.Module | None:
    """The syntax tree of code; None where it does not parse."""
    try:
        with warnings.catch_warnings():
            # Of strings such as "\d"; their category depends on the version of Python.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
