"""`python -m analysis benchmark`: do adapters compose?"""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from analysis.commands import (
    add_collection,
    add_dtype,
    add_json,
    add_shortlist,
    add_weight_settings,
    collection_named,
    names_of,
    weight_settings_of,
)
from analysis.common.console import json_line, note, progress_bar
from analysis.methods import written_names

METHODS = "base,adapter:*,static,sum,qa-flora"


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "benchmark",
        help="compare methods on task files",
        description="Answer the items of task files with several methods, score the answers and "
        "compare the methods. A benchmark that was interrupted goes on if the same command is "
        "given again. `accelerate launch --multi_gpu --num_processes N -m analysis benchmark …` "
        "shares the items over N processes, on CPUs as well.",
    )
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument(
        "--tasks", type=Path, nargs="+", metavar="FILE", help="JSON lines, as in assets/tasks"
    )
    work.add_argument(
        "--join", type=Path, nargs="+", metavar="DIR",
        help="join the finished benchmarks in these folders into one file; those that differ in "
        "their methods alone become one benchmark; runs no model",
    )  # fmt: skip
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[METHODS],
        metavar="M",
        help=f"some of {', '.join(written_names())}, separated by spaces or commas; adapter:* is "
        "each adapter alone, oracle-pair is the item's own pair with static weights, best-single "
        "is the adapter alone that turns out best on the task (needs adapter:*, runs no model), "
        "all stands for every other method and adapter:*, leaves out those that need something "
        f"that is not there, and names them with the reason (default: {METHODS})",
    )
    fused = parser.add_mutually_exclusive_group()
    fused.add_argument(
        "--pair", action="store_true",
        help="fuse each item's language adapter and task adapter, by the tags in the manifest",
    )  # fmt: skip
    fused.add_argument("--all", action="store_true", help="fuse every adapter (default)")
    fused.add_argument("--adapters", metavar="A,B", help="fuse these, comma-separated")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N items of each file")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the bootstrap (default: %(default)s)"
    )
    add_weight_settings(parser)
    add_shortlist(parser)
    parser.add_argument(
        "--reuse", type=Path, metavar="DIR",
        help="take answers from a benchmark of the same items in this folder where they would be "
        "the same: the base, adapters alone, and a method over the same adapters",
    )  # fmt: skip
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the results; with --join the file",
    )
    add_collection(parser)
    add_dtype(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    # Imported here, so that the other subcommands start without it.
    from analysis.benchmark.entries import selection
    from analysis.benchmark.execution.processes import launched_processes
    from analysis.benchmark.joined import join_results, write_results
    from analysis.benchmark.report import report
    from analysis.benchmark.run import BenchmarkRequest, run_benchmark

    if args.join:
        write_results(join_results(args.join, note), args.out)
        return 0
    collection = collection_named(args)
    request = BenchmarkRequest(
        tasks=tuple(args.tasks),
        methods=tuple(names_of(",".join(args.methods)) or ()),
        selection=selection(collection, args.pair, names_of(args.adapters)),
        limit=args.limit,
        seed=args.seed,
        weight_settings=weight_settings_of(args, collection),
        dtype=args.dtype,
        device=args.device,
        shortlist=args.shortlist,
        reuse=args.reuse,
    )
    processes = launched_processes()
    with progress_bar() if processes.first else nullcontext() as tell:
        result = run_benchmark(
            collection, request, args.out, tell, processes, note if processes.first else None
        )
    processes.close()
    if result is not None:
        print(json_line(result.as_json()) if args.json else report(result))
    return 0
