"""`python -m analysis route`: how often does each signal name the right adapters?"""

import argparse
from pathlib import Path
from typing import Any

from analysis.commands import add_collection, add_dtype, add_json, check_count, collection_named
from analysis.common.console import json_line, progress_bar
from analysis.common.errors import InputError
from analysis.measure.signals import check_signal, signals
from analysis.measure.weight_settings import default_settings


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "route",
        help="how often signals name the right adapters",
        description="For the items of task files, with all adapters on: how often the two adapters "
        "with the largest signal, the mean over layers, are the item's language adapter and task "
        "adapter. Each signal is read as it is and over each adapter's usual one. No answer is "
        "generated.",
    )
    parser.add_argument(
        "--tasks", type=Path, nargs="+", required=True, metavar="FILE",
        help="JSON lines, as in assets/tasks",
    )  # fmt: skip
    parser.add_argument(
        "--signals", nargs="+", default=list(signals()), metavar="S",
        help=f"some of {', '.join(signals())} (default: all)",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="the first N items of each file")
    parser.add_argument(
        "--add", type=Path, metavar="FILE",
        help="add what joined results lack of it, for the Results tab",
    )  # fmt: skip
    add_collection(parser)
    add_dtype(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the signals, print how often they name the right adapters, add them to a file."""
    for name in args.signals:
        check_signal(name)
    if args.limit is not None:
        check_count("--limit", args.limit)
        if args.add:
            raise InputError("--add takes all items of the files: leave --limit out.")
    # Imported here, so that the other subcommands start without it.
    from analysis.benchmark.adapter_pairs import check_pairs
    from analysis.benchmark.fusion.signals import check_parts, readings_of, route, with_routing
    from analysis.benchmark.joined import read_results, write_results
    from analysis.benchmark.report import routing_table
    from analysis.benchmark.tasks import read_tasks
    from analysis.engine import Engine
    from analysis.models.provenance import provenance

    collection = collection_named(args)
    tasks = read_tasks(args.tasks, args.limit)
    check_pairs(tasks, collection.adapters)
    if len(collection.adapters) < 3:
        raise InputError(
            f"The collection has {len(collection.adapters)} adapters: of fewer than three the two "
            "largest are no choice."
        )
    results = read_results(args.add) if args.add else None
    with progress_bar() as tell:
        engine = Engine.load(collection, tell, args.dtype, args.device)
        if results is not None:  # before the work, which may take long
            check_parts(results, provenance(collection, engine.computation), tasks)
        readings = readings_of(args.signals, default_settings(collection))
        found = route(engine, collection, tasks, readings, tell)
    if results is not None:
        write_results(with_routing(results, found, tasks), args.add)
    print(json_line(found.as_json()) if args.json else routing_table(found.tasks))
    return 0
