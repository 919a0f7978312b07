"""`python -m analysis fit-lens`: fit a lens to the base of a collection."""

import argparse
import json
from pathlib import Path
from typing import Any

from analysis.commands import add_collection, add_dtype, add_json, collection_named
from analysis.common.console import note
from analysis.common.errors import InputError
from analysis.measure.lenses.jacobian import LENS

FITTED = (LENS.name,)
"""The lenses that this command fits."""


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "fit-lens",
        help="fit a lens to the base of a collection",
        description="Fit the matrices of the Jacobian lens on text, and write them with their "
        "origin. An interrupted fit goes on from its checkpoint; with more --prompts, so does one "
        "that is done.",
    )
    add_lens_arguments(parser)
    parser.add_argument(
        "--note", metavar="TEXT", help="what the texts are, with their licences; kept in the file"
    )
    parser.add_argument(
        "--prompts", type=int, default=100, metavar="N", help="windows of text (default: 100)"
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=0,
        metavar="N",
        help="output dimensions that each window estimates (default: all); fewer cost less by as "
        "much, and the mean stays unbiased",
    )
    parser.add_argument(
        "--batch", type=int, default=16, metavar="N", help="backward passes at once (default: 16)"
    )
    add_dtype(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the fitted file (default: the place in the collection's folder where it is read)",
    )
    parser.add_argument(
        "--work", type=Path, metavar="FILE", help="the checkpoint (default: OUT, ending in .work)"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def add_lens_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of commands that run a base on texts for a fitted lens."""
    parser.add_argument("lens", help=f"the lens: {', '.join(FITTED)}")
    add_collection(parser)
    parser.add_argument(
        "--text",
        nargs="+",
        default=["own"],
        metavar="FILE",
        help="plain text, or JSONL rows with instruction and output; own: the bundled everyday "
        "texts and word problems (default: own)",
    )
    parser.add_argument(
        "--tokens", type=int, default=128, metavar="N", help="tokens of a window (default: 128)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of all random choices (default: 0)"
    )


def check_fitted(lens: str) -> None:
    """Refuses a lens that no command fits.

    Raises:
        InputError: There is no such lens, or it needs no fit.
    """
    if lens not in FITTED:
        raise InputError(f"The lens {lens!r} is not fitted: take one of {', '.join(FITTED)}.")


def run(args: argparse.Namespace) -> int:
    """Fit, write the file, print what it is."""
    check_fitted(args.lens)
    from analysis.training.lenses.fit import FitSettings
    from analysis.training.lenses.run import fit_lens

    result = fit_lens(
        collection_named(args),
        FitSettings(args.prompts, args.tokens, args.rows, batch=args.batch, seed=args.seed),
        texts=args.text,
        note=args.note,
        dtype=args.dtype,
        device=args.device,
        out=args.out,
        work=args.work,
        log=note,
    )
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{result['out']}: the mean over {result['prompts_of_a_row']} windows for each row")
    return 0
