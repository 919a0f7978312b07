"""`python -m analysis prepare`: make a bundled base ready."""

import argparse
import json
from typing import Any

from analysis.commands import add_json
from analysis.common.console import progress_bar
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_bases
from analysis.models.bases.bundled_base import prepare


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "prepare",
        help="make a bundled base ready",
        description="Join, verify and convert a bundled base, once. Needs no network.",
    )
    parser.add_argument(
        "base",
        nargs="?",
        default=DEFAULT_BASE,
        help=f"one of {', '.join(bundled_bases())} (default: {DEFAULT_BASE})",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prepare the base and print its folder."""
    with progress_bar() as report:
        folder = prepare(report, args.base)
    print(json.dumps({"base": str(folder)}) if args.json else folder)
    return 0
