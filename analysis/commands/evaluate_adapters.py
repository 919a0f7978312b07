"""`python -m analysis evaluate-adapters`: losses and scores of each adapter."""

import argparse
import json
from pathlib import Path
from typing import Any

from analysis.commands import add_collection, add_dtype, add_json, collection_named
from analysis.common.console import note


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "evaluate-adapters",
        help="measure the adapters of a collection",
        description="Loss on every dev set, each adapter's own score, and its weight curve. Any "
        "languages and domains: a dev set belongs to the adapter whose name or tag its file has, "
        "such as lang_fr.jsonl to the language adapter with the tag fr, and law_en.jsonl or "
        "law.jsonl to the adapter law. Its lines are JSON objects with an instruction and an "
        "output; rows with the task mcq, snippet or function are also scored.",
    )
    add_collection(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder of the dev sets")
    parser.add_argument("--rows", type=int, default=100, help="at most so many of each dev set")
    parser.add_argument("--problems", type=int, default=100, help="held-out word problems")
    parser.add_argument(
        "--own-only", action="store_true", help="score each adapter and the base on its own only"
    )
    add_dtype(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print losses, scores and curves."""
    # Imported here, so that the other subcommands start without it.
    from analysis.training.evaluation.evaluate import evaluate
    from analysis.training.evaluation.report import tables

    result = evaluate(
        collection_named(args),
        args.data,
        note,
        rows=args.rows,
        problems=args.problems,
        own_only=args.own_only,
        dtype=args.dtype,
        device=args.device,
    )
    print(json.dumps(result.as_json()) if args.json else tables(result))
    return 0
