"""`python -m analysis trace`: where each adapter speaks, for one query."""

import argparse
import json
import time
from typing import Any

from analysis.commands import add_query_arguments, names_of, query_of, weight_settings_of
from analysis.common.console import progress_bar
from analysis.models.manifest import choose_adapters, load_collection, with_adapters


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "trace",
        help="qa-FLoRA's divergence and weights of a query",
        description="Run base and adapters on a query; print divergence and weights per layer.",
    )
    add_query_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trace the query; print divergence and weights."""
    from analysis.engine import Engine
    from analysis.measure.checks.collection_check import check_collection

    query = query_of(args)
    collection = load_collection(args.collection)
    chosen = choose_adapters(names_of(args.adapters), collection.names)
    check_collection(collection)
    settings = weight_settings_of(args, collection)
    began = time.perf_counter()
    with progress_bar() as report:
        engine = Engine.load(with_adapters(collection, chosen), report, args.dtype)
        loaded = time.perf_counter()
        trace = engine.trace(query, chosen, plain=args.plain, progress=report)
        traced = time.perf_counter()
        divergence = engine.divergence(trace, settings.lens, settings.position, settings.metric)
        measured = time.perf_counter()
    weights_LK = settings.weigh(divergence.values_LK)
    if not args.json:
        _print_table(trace.adapters, weights_LK.tolist())
        return 0
    result = {
        "collection": collection.name,
        "base": collection.base.title,
        "adapters": list(trace.adapters),
        "layers": trace.layers,
        "lens": divergence.lens,
        "position": divergence.position,
        "metric": divergence.metric,
        "normalisation": settings.normalisation,
        "frame": trace.prompt.frame,
        "tokens": list(trace.prompt.tokens),
        "divergence": divergence.values_LK.tolist(),
        "weights": weights_LK.tolist(),
        "dtype": engine.computation.dtype,
        "device": engine.computation.device,
        "seconds": {
            "load": loaded - began,
            "trace": traced - loaded,
            "divergence": measured - traced,
        },
    }
    print(json.dumps(result, ensure_ascii=False))
    return 0


def _print_table(adapters: tuple[str, ...], weights_LK: list[list[float]]) -> None:
    width = max(8, *(len(name) for name in adapters))
    print("layer  " + "  ".join(name.rjust(width) for name in adapters))
    for layer, weights_K in enumerate(weights_LK):
        print(f"{layer:5}  " + "  ".join(f"{weight:{width}.3f}" for weight in weights_K))
