"""`python -m analysis export`: the fused adapter of a query, as one adapter for PEFT."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from analysis.commands import (
    add_query_arguments,
    fusion_request,
    query_of,
)
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
        help="take the mean over these queries: one a line, or JSON lines with a field query or "
        "instruction",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="the new folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the adapter."""
    from analysis.engine import Engine
    from analysis.export.fused_factors import fixed_weights, fused
    from analysis.export.peft_folder import Making, check_folder, mean_weights, write_folder
    from analysis.models.provenance import provenance

    if (args.query is None) == (args.queries is None):
        raise InputError("Give a query, or --queries FILE: one of the two.")
    queries = [query_of(args)] if args.queries is None else queries_in(Path(args.queries))
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
            provenance(collection, engine.computation),
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


def queries_in(path: Path) -> list[str]:
    """The queries of a file: one a line, or JSON lines with `query` or `instruction`.

    Raises:
        InputError: The file cannot be read, is empty, or a line holds no query.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a text file.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found.append(_query(path, number, line) if path.suffix == ".jsonl" else line)
    if not 1 <= len(found) <= _MOST_QUERIES:
        raise InputError(f"{path} holds {len(found)} queries: give 1 to {_MOST_QUERIES}.")
    return found


def _query(path: Path, number: int, line: str) -> str:
    try:
        item = json.loads(line)
        query = item.get("query", item.get("instruction"))
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}, line {number}: write a JSON object with query.") from error
    if not isinstance(query, str) or not query.strip():
        raise InputError(f"{path}, line {number} has neither query nor instruction: add one.")
    return query
