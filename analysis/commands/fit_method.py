"""`python -m analysis fit-method`: learn what a method needs, once for a collection."""

import argparse
import json
from pathlib import Path
from typing import Any

from analysis.commands import add_collection, add_dtype, add_json, collection_named
from analysis.common.console import progress_bar
from analysis.methods import methods
from analysis.models.manifest import DEFAULT_COLLECTION


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    fitted = [method.name for method in methods().values() if method.fit]
    parser = subparsers.add_parser(
        "fit-method",
        help="learn what a method needs",
        description="Learn what a method needs from samples or from questions with right answers, "
        "and write it into the collection's folder. A fit that was interrupted goes on if the "
        "same command is given again. LoRAHub needs the package nevergrad.",
    )
    parser.add_argument(
        "name", help=f"one of {', '.join(fitted)}; methods of the same kind may share a file"
    )
    parser.add_argument(
        "--tasks", type=Path, nargs="+", default=[], metavar="FILE",
        help="JSON lines, as in assets/tasks, not those that measure (*_test)",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="for methods that need samples: a folder with NAME.jsonl of an adapter NAME, rows "
        "with instruction and output; without a file the bundled texts and the task files serve",
    )  # fmt: skip
    add_collection(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="the first N items of each file")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S",
        help="of all random choices (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file (default: in the collection's folder)"
    )
    add_dtype(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, and print the name of the file."""
    # Imported here, so that the other subcommands start without it.
    from analysis.fitting.run import FitRequest, run_fit

    request = FitRequest(
        method=args.name,
        tasks=tuple(args.tasks),
        data=args.data,
        limit=args.limit,
        seed=args.seed,
        dtype=args.dtype,
        device=args.device,
        command=_command(args),
        out=args.out,
    )
    with progress_bar() as tell:
        path = run_fit(collection_named(args), request, tell)
    result = {"method": args.name, "file": str(path)}
    print(json.dumps(result) if args.json else f"{args.name}: written to {path}")
    return 0


def _command(args: argparse.Namespace) -> str:
    """The command as the fitted file names it: without folders of this machine."""

    def shown(path: Path) -> str:
        return path.name if path.is_absolute() else str(path)

    words = ["python -m analysis fit-method", args.name]
    if args.tasks:
        words += ["--tasks", *map(shown, args.tasks)]
    if args.data:
        words += ["--data", shown(args.data)]
    if args.base:
        words += ["--base", shown(Path(args.base))]
    for one in args.adapter:
        name, equals, place = one.rpartition("=")
        words += ["--adapter", f"{name}{equals}{shown(Path(place))}"]
    if args.collection and args.collection != DEFAULT_COLLECTION:
        words += ["--collection", shown(Path(args.collection))]
    if args.limit is not None:
        words += ["--limit", str(args.limit)]
    if args.seed:
        words += ["--seed", str(args.seed)]
    if args.dtype != "float32":
        words += ["--dtype", args.dtype]
    return " ".join(words)
