"""`python -m analysis check-overlap`: were items of a benchmark trained on?"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from analysis.commands import add_json, check_count
from analysis.common.console import markdown_table, note, one_line
from analysis.common.errors import InputError

_SHOWN = 20
_LONGEST = 160


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "check-overlap",
        help="compare task items with training rows",
        description="For each item of task files, find the training row that has most of its "
        "question, in four words in a row (characters in Chinese and the like), whatever the "
        "numbers. Items with an English twin are compared by both. Ends with 1 where an item "
        "reaches --most. Runs no model.",
    )
    parser.add_argument(
        "--tasks", type=Path, nargs="+", required=True, metavar="FILE",
        help="JSON lines, as in assets/tasks",
    )  # fmt: skip
    parser.add_argument(
        "--rows", type=Path, nargs="+", default=[], metavar="FILE", help="JSONL training rows"
    )
    parser.add_argument(
        "--recipes", type=Path, nargs="+", default=[], metavar="FILE",
        help="recipes whose rows are read too, those of a [quiet] table among them",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, default=Path(), metavar="DIR", help="folder of the recipes' rows"
    )
    parser.add_argument(
        "--drawn", type=int, default=20_000, metavar="N",
        help="rows that are drawn from each generator of a recipe (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--most", type=float, default=0.8, metavar="SHARE",
        help="the share of a question in one row that is too much (default: %(default)s)",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, and print the items that are most alike to a row."""
    # Imported here, so that the other subcommands start without it.
    from analysis.benchmark.tasks import read_tasks
    from analysis.training.texts.overlap import overlaps

    check_count("--drawn", args.drawn)
    if not 0 < args.most <= 1:
        raise InputError(f"--most is {args.most:g}: take a share above 0 and up to 1.")
    if not args.rows and not args.recipes:
        raise InputError("There are no rows to compare with: give --rows or --recipes.")
    tasks = read_tasks(args.tasks)
    rows = dict.fromkeys(_rows(args.rows, args.recipes, args.data, args.drawn))
    found = overlaps(tasks, rows)
    alike = [one for one in found if one.share >= args.most]
    if args.json:
        print(json.dumps({"rows": len(rows), "items": [asdict(one) for one in found]}))
    else:
        lines = (
            [one.task, one.item, f"{100 * one.share:.0f}", _cell(one.text), _cell(one.row)]
            for one in found[:_SHOWN]
        )
        print(markdown_table(["task", "item", "in a row, %", "question", "row"], lines))
    note(
        f"{len(alike)} of {len(found)} items have {100 * args.most:.0f} % or more of their "
        f"question in one of {len(rows)} rows."
    )
    return 1 if alike else 0


def _cell(text: str) -> str:
    """A text as one cell of a table, cut where it is long."""
    line = one_line(" ".join(text.split())).replace("|", "\\|")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _rows(files: Sequence[Path], recipes: Sequence[Path], data: Path, drawn: int) -> Iterator[str]:
    from analysis.training.recipe import SourceSpec, read_recipe
    from analysis.training.texts.examples import read_rows
    from analysis.training.texts.sources import open_source

    for path in files:
        for row in read_rows(path, max_characters=1_000_000):
            yield f"{row.instruction} {row.output}"
    specs: dict[SourceSpec, int] = {}
    for path in recipes:
        recipe = read_recipe(path, {})
        quiet = recipe.quiet.sources if recipe.quiet else ()
        # The same source with another weight has the same rows.
        specs |= {replace(one, weight=1.0): recipe.seed for one in (*recipe.sources, *quiet)}
    for spec, seed in specs.items():
        for row in islice(open_source(spec, data, seed).rows, drawn):
            yield f"{row.instruction} {row.output}"
