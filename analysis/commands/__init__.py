"""The subcommands of `python -m analysis`, one file each, found by name.

A command module offers `add(subparsers)`, which adds its parser and sets `run` to a function from
the parsed arguments to an exit code. This module holds the arguments that several commands share.
"""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.common.console import progress_bar
from analysis.common.errors import InputError
from analysis.measure.checks.collection_check import check_collection
from analysis.measure.lenses import lenses
from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.signals import signals
from analysis.measure.trace import BOTH, KEPT
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.bases.bundled import bundled_bases
from analysis.models.collection import Collection
from analysis.models.manifest import DEFAULT_COLLECTION, choose_adapters, with_adapters
from analysis.models.manifest_text import save_manifest
from analysis.models.own_collection import Named, collection_of


def add_query_arguments(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """The arguments of every command that asks the engine something.

    Args:
        parser: The command's parser.
        optional: Whether the query may be left out.
    """
    parser.add_argument(
        "query",
        nargs="?" if optional else None,
        help="the question; - reads it from standard input",
    )
    add_collection(parser)
    add_adapters(parser)
    add_weight_settings(parser)
    parser.add_argument(
        "--plain", action="store_true", help="put nothing around the query but a begin token"
    )
    add_dtype(parser)
    add_json(parser)


def add_json(parser: argparse._ActionsContainer) -> None:
    """The argument of commands whose result is also to be read by programs."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_adapters(parser: argparse.ArgumentParser) -> None:
    """The argument of commands that fuse some adapters of a collection."""
    parser.add_argument(
        "--adapters", metavar="A,B", help="adapters to fuse, comma-separated (default: all)"
    )


def add_collection(parser: argparse.ArgumentParser) -> None:
    """The arguments of everything that works on a collection: one by name, or one of one's own."""
    parser.add_argument(
        "--collection", metavar="C",
        help="a bundled collection's name or the path of a manifest (default: "
        f"{DEFAULT_COLLECTION})",
    )  # fmt: skip
    parser.add_argument(
        "--base", metavar="B",
        help="instead, a base of your own: a folder, a hub id with or without @revision, or one of "
        f"{', '.join(bundled_bases())}",
    )  # fmt: skip
    parser.add_argument(
        "--adapter", action="append", default=[], metavar="NAME=A",
        help="an adapter of your own, beside those of the collection or for the base: a folder, or "
        "a hub id with or without @revision; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--save", metavar="FILE",
        help="write base and adapters as a manifest, for --collection; the name ends in .toml, and "
        "no other manifest has it yet",
    )  # fmt: skip


def collection_named(args: argparse.Namespace) -> Collection:
    """The collection that a command line names; also written, where it says so.

    Raises:
        InputError: A part of it is not there or cannot be used.
    """
    with progress_bar() as progress:
        collection = collection_of(Named(args.collection, args.base, tuple(args.adapter)), progress)
    if not args.save:
        return collection
    from analysis.models.adapters import check_files  # its imports take a while

    path = Path(args.save)
    saved = replace(collection, manifest=path.resolve())
    # Before it is written, so that no manifest is left of what is then refused.
    if saved.adapters:
        check_collection(saved)
    for entry in saved.adapters:
        check_files(entry)
    # All processes of a launcher read this command line.
    save_manifest(saved, path, write=os.environ.get("RANK", "0") == "0")
    return saved if args.base else collection


def add_weight_settings(parser: argparse.ArgumentParser) -> None:
    """The arguments of commands that turn relevance into weights."""
    read = " ".join(f"{lens.name}: {lens.summary}" for lens in lenses().values())
    places = (
        f"{KEPT[0]}: the query's last token. {KEPT[1]}: the prompt's last token. "
        f"{BOTH}: the mean of the divergences at these two."
    )
    units = " ".join(f"{one.name}: {one.label}." for one in metrics().values())
    measured = " ".join(f"{one.name}: {one.summary}" for one in signals().values())
    rules = " ".join(f"{one.name}: {one.formula}." for one in NORMALISATIONS.values())
    of_collection = " (default: the collection's)"
    for option, text in (
        ("lens", read + of_collection),
        ("position", places + of_collection),
        ("metric", f"{units} (default: {WeightSettings.metric})"),
        ("normalisation", rules + of_collection),
        ("signal", f"{measured} (default: {WeightSettings.signal})"),
    ):
        parser.add_argument(f"--{option}", metavar=option.upper(), help=text.replace("%", "%%"))
    parser.add_argument(
        "--softmax-temperature", type=float, default=1.0, metavar="T",
        help="of the softmax normalisation (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--relative", action="store_true",
        help="divide the signal by each adapter's usual one, its mean over bundled neutral queries",
    )  # fmt: skip


def add_shortlist(parser: argparse.ArgumentParser) -> None:
    """The argument of commands that may trace some of many adapters."""
    parser.add_argument(
        "--shortlist", type=int, metavar="M",
        help="of more adapters, trace the M alone that the prompt's last tokens expect to lead "
        "(default: trace all)",
    )  # fmt: skip


def weight_settings_of(args: argparse.Namespace, collection: Collection) -> WeightSettings:
    """The settings that a command names; the collection's where it names none.

    Raises:
        InputError: They cannot be used.
    """
    names = ("lens", "position", "metric", "normalisation", "signal")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    settings = replace(default_settings(collection), **given, temperature=args.softmax_temperature)
    settings = replace(settings, relative=args.relative)
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
    parser.add_argument(
        "--device", metavar="D", help="such as cpu (default: the GPUs where there are any)"
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


@dataclass(frozen=True)
class FusionRequest:
    """The adapters that a command fuses, and how it reads their weights.

    Attributes:
        collection: The collection, with all its adapters.
        adapters: Names of the adapters to fuse.
        settings: How relevance is read and turned into weights.
    """

    collection: Collection
    adapters: tuple[str, ...]
    settings: WeightSettings

    @property
    def fused(self) -> Collection:
        """The collection with the adapters to fuse alone."""
        return with_adapters(self.collection, self.adapters)


def fusion_request(args: argparse.Namespace) -> FusionRequest:
    """What a command line asks to fuse, checked before anything is loaded.

    Raises:
        InputError: A part of it is not there or cannot be used.
    """
    collection = collection_named(args)
    chosen = choose_adapters(names_of(args.adapters), collection.names)
    check_collection(collection)
    return FusionRequest(collection, chosen, weight_settings_of(args, collection))


def check_count(option: str, value: int, most: int | None = None) -> None:
    """Refuses a number that an option cannot have.

    Raises:
        InputError: It is below 1 or above the most.
    """
    if most is not None and not 1 <= value <= most:
        raise InputError(f"{option} is {value}: take 1 to {most}.")
    if value < 1:
        raise InputError(f"{option} is {value}: take at least 1.")


def names_of(text: str | None) -> list[str] | None:
    """A comma-separated list, or None where there is none."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
