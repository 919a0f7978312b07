"""The subcommands of `python -m analysis`, one file each, found by name.

A command module offers `add(subparsers)`, which adds its parser and sets `run` to a function from
the parsed arguments to an exit code. This module holds the arguments that several commands share.
"""

import argparse
import sys
from dataclasses import replace

from analysis.common.errors import InputError
from analysis.measure.lenses import lenses
from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import BOTH, KEPT
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.collection import Collection
from analysis.models.manifest import DEFAULT_COLLECTION


def add_query_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that asks the engine something."""
    parser.add_argument("query", help="the question; - reads it from standard input")
    add_collection(parser)
    parser.add_argument(
        "--adapters", metavar="A,B", help="adapters to fuse, comma-separated (default: all)"
    )
    add_weight_settings(parser)
    parser.add_argument(
        "--plain", action="store_true", help="put nothing around the query but a begin token"
    )
    add_dtype(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_collection(parser: argparse.ArgumentParser) -> None:
    """The argument of commands that work on a collection."""
    parser.add_argument(
        "--collection",
        default=DEFAULT_COLLECTION,
        metavar="C",
        help="a bundled collection's name or the path of a manifest (default: %(default)s)",
    )


def add_weight_settings(parser: argparse.ArgumentParser) -> None:
    """The arguments of commands that turn divergences into weights."""
    read = " ".join(f"{lens.name}: {lens.summary}" for lens in lenses().values())
    places = (
        f"{KEPT[0]}: the query's last token. {KEPT[1]}: the prompt's last token. "
        f"{BOTH}: the mean of the divergences at these two."
    )
    units = " ".join(f"{one.name}: {one.label}." for one in metrics().values())
    rules = " ".join(f"{one.name}: {one.formula}." for one in NORMALISATIONS.values())
    of_collection = " (default: the collection's)"
    for option, text in (
        ("lens", read + of_collection),
        ("position", places + of_collection),
        ("metric", f"{units} (default: {WeightSettings.metric})"),
        ("normalisation", rules + of_collection),
    ):
        parser.add_argument(f"--{option}", metavar=option.upper(), help=text.replace("%", "%%"))
    parser.add_argument(
        "--softmax-temperature", type=float, default=1.0, metavar="T",
        help="of the softmax normalisation (default: %(default)s)",
    )  # fmt: skip


def weight_settings_of(args: argparse.Namespace, collection: Collection) -> WeightSettings:
    """The settings that a command names; the collection's where it names none.

    Raises:
        InputError: They cannot be used.
    """
    names = ("lens", "position", "metric", "normalisation")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    settings = replace(default_settings(collection), **given, temperature=args.softmax_temperature)
    settings.check()
    missing = lenses()[settings.lens].missing_in(collection.folder)
    if missing:
        raise InputError(f"The {settings.lens} lens cannot be used: {missing}.")
    return settings


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
