"""`python -m analysis benchmark`: do adapters compose?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.commands import names_of
from analysis.common.errors import InputError
from analysis.models.manifest import DEFAULT_COLLECTION, choose_adapters, load_collection

if TYPE_CHECKING:
    from analysis.benchmark.results import CompositeResult

_LENS = "norm"


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "benchmark", help="composite tasks", description="Questions that need two adapters at once."
    )
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    task = tasks.add_parser("composite", help="word problems asked in another language")
    task.add_argument("--collection", default=DEFAULT_COLLECTION, help="name or manifest")
    task.add_argument("--problems", type=Path, help="JSONL (default: 100 of the bundled, Spanish)")
    task.add_argument("--language", default="es", help="code of the language they are asked in")
    task.add_argument("--adapters", default="spanish,math", help="the adapters to fuse")
    task.add_argument(
        "--methods",
        default="base,adapter:spanish,adapter:math,static,sum,qa-flora",
        help="the methods to compare",
    )
    task.add_argument("--lens", default=_LENS, help="(default: %(default)s)")
    task.add_argument("--most", type=int, help="only so many problems")
    task.add_argument("--json", action="store_true", help="print scores and answers as JSON")
    task.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer, score, and print a table."""
    # Imported here, so that the other subcommands start without it.
    from analysis.benchmark.composite import BUNDLED, compare, read_problems
    from analysis.benchmark.scoring import answers_in
    from analysis.engine import Engine
    from analysis.measure.lenses import check_lens
    from analysis.methods import named

    if args.most is not None and args.most < 1:
        raise InputError(f"--most is {args.most}: take at least 1.")
    problems = read_problems(args.problems or BUNDLED, args.most)
    # Checked before the base is loaded, which takes long.
    answers_in(args.language)
    lens = args.lens
    check_lens(lens)
    collection = load_collection(args.collection)
    adapters = choose_adapters(names_of(args.adapters), collection.names)
    methods = names_of(args.methods) or []
    named(methods, collection.names)
    result = compare(
        Engine.load(collection),
        problems,
        args.language,
        adapters,
        methods,
        lambda line: print(line, file=sys.stderr, flush=True),
        lens=lens,
    )
    print(json.dumps(result.as_json(), ensure_ascii=False) if args.json else _table(result))
    return 0


def _table(result: CompositeResult) -> str:
    lines = ["| method | number | language | both |", "|---|---|---|---|"]
    for method, found in result.scores.items():
        cells = [
            f"{100 * one.value:.0f} % ({100 * one.low:.0f}-{100 * one.high:.0f})"
            for one in (found.number, found.language, found.both)
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
