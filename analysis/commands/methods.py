"""`python -m analysis methods`: the methods, and what people should know about them."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from analysis.catalogue.groups import groups
from analysis.catalogue.markdown import HEADINGS, markdown
from analysis.common.console import json_line
from analysis.methods import Method
from analysis.methods._absent import absent_methods

_WIDTH = 96


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "methods",
        help="list the fusion methods",
        description="List the fusion methods: what each does and needs, and its known traps; then "
        "those of the field that are not here, with what they need and why.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the list as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="print docs/methods.md"
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the methods."""
    if args.markdown:
        print(markdown(groups(), absent_methods()), end="")
    elif args.json:
        listed = [_plain(method, group.title) for group in groups() for method in group.methods]
        print(json_line({"methods": listed, "not_here": [asdict(one) for one in absent_methods()]}))
    else:
        print("\n".join(_lines()))
    return 0


def _plain(method: Method, group: str) -> dict[str, Any]:
    return {
        "name": method.written_name,
        "label": method.title,
        "group": group,
        "summary": method.summary,
        "about": None if method.about is None else asdict(method.about),
    }


def _lines() -> Iterator[str]:
    for group in groups():
        yield f"── {group.title}"
        if group.summary:
            yield from textwrap.wrap(group.summary, _WIDTH)
        for method in group.methods:
            yield from ("", f"{method.written_name} · {method.title}")
            yield from _wrapped(method.summary)
            for part, heading in HEADINGS.items():
                if method.about is not None and (text := getattr(method.about, part)):
                    yield from _wrapped(f"{heading}: {text}")
        yield ""
    yield "── Methods of the field that are not here"
    for absent in absent_methods():
        yield from ("", f"{absent.name} · {absent.paper}" if absent.paper else absent.name)
        for text in (absent.summary, f"Needs: {absent.needs}", f"Why not here: {absent.why}"):
            yield from _wrapped(text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
