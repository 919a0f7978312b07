"""`python -m analysis prepare`: make the embedded base ready."""

import argparse
import json
from typing import Any

from analysis.common.console import progress_bar
from analysis.models.bases.bundled_base import prepare


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "prepare",
        help="make the embedded base ready",
        description="Join, verify and convert the embedded base, once. Needs no network.",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prepare the base and print its folder."""
    with progress_bar() as report:
        folder = prepare(report)
    print(json.dumps({"base": str(folder)}) if args.json else folder)
    return 0
