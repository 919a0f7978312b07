"""`python -m analysis check-lens`: measure a fitted lens against its controls."""

import argparse
import json
from pathlib import Path
from typing import Any

from analysis.commands import add_dtype, add_json, collection_named
from analysis.commands.fit_lens import add_lens_arguments, check_fitted
from analysis.common.console import note
from analysis.common.errors import InputError


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "check-lens",
        help="measure a fitted lens against its controls",
        description="Median rank of the model's own next token by layer, through the lens, the "
        "norm and raw lenses, and the lens with permuted, random and swapped matrices.",
    )
    add_lens_arguments(parser)
    parser.add_argument("--windows", type=int, default=32, metavar="N", help="windows of text")
    add_dtype(parser)
    parser.add_argument("--figure", type=Path, metavar="FILE", help="write the ranks as an SVG")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print tables, draw the figure."""
    check_fitted(args.lens)
    if args.windows < 1 or args.tokens < 8:
        raise InputError(
            f"--windows {args.windows} and --tokens {args.tokens} cannot be used: give at least 1 "
            "window and 8 tokens."
        )
    from analysis.training.lenses.figure import figure, tables
    from analysis.training.lenses.run import check_fitted_lens

    found, data = check_fitted_lens(
        collection_named(args),
        texts=args.text,
        windows_of_text=args.windows,
        tokens=args.tokens,
        seed=args.seed,
        dtype=args.dtype,
        device=args.device,
        log=note,
    )
    if args.figure:
        args.figure.write_text(figure(found), encoding="utf-8")
    print(json.dumps(found.as_json() | {"data": data}) if args.json else tables(found))
    return 0
