"""`python -m analysis export`: the fused adapter of a query, as one adapter for PEFT."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analysis.commands import add_query_arguments, check_count, fusion_request, query_of
from analysis.common.console import json_line, progress_bar
from analysis.common.errors import InputError
from analysis.methods import fuse, named

_MOST_QUERIES = 10_000


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "export",
        help="the fused adapter of a query, as one adapter for PEFT",
        description="Write one PEFT adapter that changes the base as a method's weights for a "
        "query do: ranks are concatenated, and the weights are in B, layer by layer. Any PEFT "
        "loads it, with the same logits. With --queries the weights are the mean over a file of "
        "queries.",
    )
    add_query_arguments(parser, optional=True)
    parser.add_argument(
        "--method", default="qa-flora", metavar="M",
        help="the method that gives the weights (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--queries", metavar="FILE",
        help="take the mean over these queries: one a line, or JSON lines, as for profile",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="the new folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the adapter."""
    from analysis.engine import Engine
    from analysis.export.fused_factors import fixed_weights, fused
    from analysis.export.peft_folder import Making, check_folder, mean_weights, write_folder
    from analysis.measure.profile.queries import read_queries
    from analysis.models.provenance import provenance

    if (args.query is None) == (args.queries is None):
        raise InputError("Give a query, or --queries FILE: one of the two.")
    if args.queries is None:
        queries = [query_of(args)]
    else:
        queries = [query.text for query in read_queries(Path(args.queries))]
        check_count("The number of queries", len(queries), _MOST_QUERIES)
    folder = Path(args.out)
    check_folder(folder)
    asked = fusion_request(args)
    chosen, settings, collection = asked.adapters, asked.settings, asked.fused
    named([args.method], chosen)
    with progress_bar() as report:
        engine = Engine.load(collection, report, args.dtype, args.device)
        weights = []
        for index, query in enumerate(queries):
            report("weighing the queries", index / len(queries))
            context = engine.context(engine.prompt(query, plain=args.plain), chosen, settings)
            (row,) = fuse([args.method], context)
            weights.append(fixed_weights(args.method, row.policy, chosen))
        weights_LK = mean_weights(weights)
        report("writing the adapter", 0.5)
        factors = [engine.facts.factors(name) for name in chosen]
        modules = fused(factors, weights_LK, engine.modules)
        words = f"{settings.lens} lens, {settings.position} position, {settings.metric}"
        making = Making(
            collection,
            provenance(collection, engine.computation, engine.facts.digests),
            args.method,
            f"{words}, {settings.normalisation} normalisation",
            queries,
            chosen,
            weights_LK.tolist(),
        )
        write_folder(folder, modules, making)
    rank = max(len(module.a_rI) for module in modules.values())
    if args.json:
        found = {
            "folder": str(folder),
            "modules": len(modules),
            "largest_rank": rank,
            "weights": weights_LK.tolist(),
        }
        print(json_line(found))
    else:
        print(f"{folder}: {len(modules)} modules, ranks up to {rank}")
    return 0
