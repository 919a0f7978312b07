"""`python -m analysis profile`: which adapter leads in which layers, over many queries."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.commands import (
    add_adapters,
    add_collection,
    add_dtype,
    add_json,
    add_weight_settings,
    check_count,
    fusion_request,
)
from analysis.common.console import json_line, progress_bar
from analysis.common.limits import Limits

if TYPE_CHECKING:
    from analysis.measure.profile.profile import Estimate


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "profile",
        help="mean weights by layer over many queries",
        description="Trace every query of a file; print mean weights with their spread, by layer "
        "and in three bands of layers, in words, too.",
    )
    parser.add_argument(
        "file", type=Path, help="a query a line, or JSON lines such as those of assets/tasks"
    )
    add_collection(parser)
    add_adapters(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="the first N queries")
    add_weight_settings(parser)
    add_dtype(parser)
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--csv", action="store_true", help="print a line for each query")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the queries and print their profile."""
    from analysis.engine import Engine
    from analysis.measure.profile.files import as_json, to_csv
    from analysis.measure.profile.profile import QueryWeights, profile_of
    from analysis.measure.profile.queries import read_queries
    from analysis.measure.profile.run import kinds_of, read_weights
    from analysis.measure.profile.words import band_sentences, move_sentences

    if args.limit is not None:
        check_count("--limit", args.limit)
    queries = read_queries(args.file)[: args.limit]
    Limits().check_queries(len(queries))  # before the base, which takes long to load
    asked = fusion_request(args)
    collection, chosen, settings = asked.collection, asked.adapters, asked.settings
    entries = {one.name: one for one in collection.adapters if one.name in chosen}
    kinds = kinds_of({name: entries[name].kind for name in chosen})
    with progress_bar() as report:
        engine = Engine.load(asked.fused, report, args.dtype, args.device)
        found: list[QueryWeights] = []
        try:
            for one in read_weights(engine, queries, chosen, settings, report):
                found.append(one)
        except KeyboardInterrupt:
            if not found:
                raise
    if len(found) < len(queries):
        print(f"interrupted: the first {len(found)} of {len(queries)} queries", file=sys.stderr)
    profile = profile_of(found, chosen, settings, tuple(kinds.values()))
    if args.json:
        print(json_line(as_json(profile, collection.name)))
        return 0
    if args.csv:
        print(to_csv(profile, collection.name), end="")
        return 0
    labels = {name: entries[name].label for name in chosen}
    width = max(13, *(len(name) for name in chosen))
    print("layer  " + "  ".join(name.rjust(width) for name in chosen))
    for layer, row in enumerate(profile.weights):
        cells = (_cell(one).rjust(width) for one in row)
        print(f"{layer:5}  " + "  ".join(cells))
    many = f"{len(profile.queries)} queries, mean ± standard deviation"
    print("\n" + (many if len(profile.queries) > 1 else "1 query"))
    for sentence in (
        *band_sentences(profile, labels),
        *move_sentences(profile, labels, kinds),
    ):
        print(sentence)
    return 0


def _cell(one: "Estimate") -> str:
    """A mean, with its spread where there is one."""
    return f"{one.mean:.3f}" + (f" ± {one.spread:.3f}" if one.count > 1 else "")
