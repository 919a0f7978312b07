"""The subcommands of `python -m analysis`, one file each, found by name.

A command module offers `add(subparsers)`, which adds its parser and sets `run` to a function from
the parsed arguments to an exit code. This module holds the arguments that several commands share.
"""

import argparse
import sys

from analysis.common.errors import InputError
from analysis.measure.lenses import lenses
from analysis.models.manifest import DEFAULT_COLLECTION


def add_query_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that asks the engine something."""
    parser.add_argument("query", help="the question; - reads it from standard input")
    parser.add_argument(
        "--collection",
        default=DEFAULT_COLLECTION,
        metavar="C",
        help="a bundled collection's name or the path of a manifest (default: %(default)s)",
    )
    parser.add_argument(
        "--adapters", metavar="A,B", help="adapters to fuse, comma-separated (default: all)"
    )
    add_lens(parser, "the collection's")
    parser.add_argument(
        "--plain", action="store_true", help="put nothing around the query but a begin token"
    )
    add_dtype(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_lens(parser: argparse.ArgumentParser, default: str) -> None:
    """The argument of commands that read divergences; `default` names the default for people."""
    known = " ".join(f"{lens.name}: {lens.summary}" for lens in lenses().values())
    help_text = f"{known} (default: {default})".replace("%", "%%")
    parser.add_argument("--lens", metavar="LENS", help=help_text)


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """The argument of commands that load a base for more than training."""
    parser.add_argument(
        "--dtype",
        default="float32",
        metavar="D",
        help="float32 or bfloat16 (default: %(default)s; bfloat16 moves weights by up to 0.3)",
    )


def query_of(args: argparse.Namespace) -> str:
    """The query, from the command line or from standard input, as it is.

    Raises:
        InputError: It asks nothing, or standard input is not UTF-8.
    """
    from analysis.inference.prompt import check_query

    query = str(args.query)
    if query == "-":
        try:
            query = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"Standard input is not UTF-8 ({error}): convert it.") from error
    check_query(query)
    return query


def names_of(text: str | None) -> list[str] | None:
    """A comma-separated list, or None where there is none."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
