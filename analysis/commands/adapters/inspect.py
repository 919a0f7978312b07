"""`python -m analysis inspect`: what an adapter is, and whether it can be mixed."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from analysis.commands import add_collection, add_dtype, add_json, collection_named
from analysis.common.console import json_line, progress_bar


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "inspect",
        help="inspect an adapter before it is mixed",
        description="Say what an adapter is: its ranks and scalings, what it covers and how "
        "strongly, where it comes from, and what is refused or ignored, why, and the remedy. With "
        "--base or --collection it is read against that base and beside the other adapters. Ends "
        "with 1 if the adapter cannot be mixed.",
    )
    parser.add_argument("path", metavar="PATH", help="a folder, or a hub id")
    add_collection(parser)
    add_dtype(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Inspect, and print the report."""
    from analysis.models.adapters import load_adapter
    from analysis.models.bases.base_model import load_base
    from analysis.models.inspection.inspection import inspect_adapter
    from analysis.models.inspection.report import report
    from analysis.models.own_collection import adapter_entry

    entry = adapter_entry(args.path)
    if args.base or args.collection or args.adapter:
        collection = collection_named(args)
        with progress_bar() as tell:
            model, _ = load_base(collection.base, tell, args.dtype, args.device)
            others = [load_adapter(model, one) for one in collection.adapters]
        found = inspect_adapter(entry, model, collection.base.public_name, others)
    else:
        found = inspect_adapter(entry)
    print(json_line(asdict(found)) if args.json else report(found))
    return 1 if found.refused else 0
