"""The catalogue as `docs/methods.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analysis.catalogue.groups import Group
from analysis.methods import Method
from analysis.methods._absent import AbsentMethod

HEADINGS = {
    "paper": "Paper",
    "paradigm": "Finds weights",
    "granularity": "A weight belongs to",
    "needs": "Needs",
    "cost": "Adds to an answer",
    "traps": "Traps",
}
"""The parts of `About` in the order in which people read them, each with its heading."""

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})", re.ASCII)
_BEGIN = """# The methods

Written by `python -m analysis methods --markdown`: edit the methods' files, not this one. Whether
a method can run depends on the collection. The Methods tab of the page says so, and so do `answer`
and `benchmark`.
"""


def address_of(paper: str) -> str:
    """The address of a paper that is named with its arXiv number, or ""."""
    number = _ARXIV.search(paper)
    return f"https://arxiv.org/abs/{number[1]}" if number else ""


def markdown(listed: Sequence[Group], absent: Sequence[AbsentMethod]) -> str:
    """The whole document."""
    return "\n".join([_BEGIN, *_lines(listed, absent)]).rstrip() + "\n"


def _lines(listed: Sequence[Group], absent: Sequence[AbsentMethod]) -> Iterator[str]:
    for group in listed:
        yield from (f"## {group.title}", "")
        if group.summary:
            yield from (group.summary, "")
        for method in group.methods:
            yield from _method(method)
    yield from ("## Methods of the field that are not here", "")
    for missing in absent:
        yield from (f"### {missing.name}", "", missing.summary, "")
        if missing.paper:
            yield f"- **Paper**: {_linked(missing.paper)}"
        yield from (f"- **Needs**: {missing.needs}", f"- **Why not here**: {missing.why}", "")


def _method(method: Method) -> Iterator[str]:
    yield from (f"### {method.title}", "", f"`{method.written_name}`. {method.summary}", "")
    for part, heading in HEADINGS.items():
        if method.about is not None and (text := getattr(method.about, part)):
            yield f"- **{heading}**: {_linked(text) if part == 'paper' else text}"
    yield ""


def _linked(paper: str) -> str:
    return _ARXIV.sub(lambda found: f"[{found[0]}](https://arxiv.org/abs/{found[1]})", paper)
