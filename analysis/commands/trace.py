"""`python -m analysis trace`: where each adapter speaks, for one query."""

import argparse
import time
from dataclasses import asdict
from typing import Any

from analysis.commands import (
    add_query_arguments,
    add_shortlist,
    fusion_request,
    query_of,
)
from analysis.common.console import json_line, progress_bar


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "trace",
        help="qa-FLoRA's divergence and weights of a query",
        description="Run base and adapters on a query; print divergence and weights per layer.",
    )
    add_query_arguments(parser)
    add_shortlist(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trace the query; print divergence and weights."""
    from analysis.engine import Engine
    from analysis.measure.relevance.shortlist import Shortlist

    query = query_of(args)
    asked = fusion_request(args)
    collection, chosen, settings = asked.collection, asked.adapters, asked.settings
    began = time.perf_counter()
    with progress_bar() as report:
        engine = Engine.load(asked.fused, report, args.dtype, args.device)
        loaded = time.perf_counter()
        prompt = engine.prompt(query, plain=args.plain)
        shortlist = Shortlist(chosen)
        if args.shortlist is not None:
            shortlist = engine.shortlist(prompt, chosen, args.shortlist, settings, report)
        shortlisted = time.perf_counter()
        trace = engine.trace(prompt, shortlist.adapters, progress=report)
        traced = time.perf_counter()
        relevance = engine.relevance(trace, settings=settings, progress=report)
        measured = time.perf_counter()
    weights_LK = settings.weigh(relevance.values_LK)
    if not args.json:
        if shortlist.left_out:
            print(f"left out by the shortlist: {', '.join(shortlist.left_out)}")
        _print_table(trace.adapters, weights_LK.tolist())
        return 0
    result = {
        "collection": collection.name,
        "base": collection.base.title,
        "adapters": list(trace.adapters),
        "layers": trace.layers,
        "left_out": list(shortlist.left_out),
        **asdict(settings),
        "frame": trace.prompt.frame,
        "tokens": list(trace.prompt.tokens),
        settings.signal: relevance.signal_LK.tolist(),
        "usual": None if relevance.usual_LK is None else relevance.usual_LK.tolist(),
        "weights": weights_LK.tolist(),
        "dtype": engine.computation.dtype,
        "device": engine.computation.device,
        "seconds": {
            "load": loaded - began,
            "shortlist": shortlisted - loaded,
            "trace": traced - shortlisted,
            "divergence": measured - traced,
        },
    }
    print(json_line(result))
    return 0


def _print_table(adapters: tuple[str, ...], weights_LK: list[list[float]]) -> None:
    width = max(8, *(len(name) for name in adapters))
    print("layer  " + "  ".join(name.rjust(width) for name in adapters))
    for layer, weights_K in enumerate(weights_LK):
        print(f"{layer:5}  " + "  ".join(f"{weight:{width}.3f}" for weight in weights_K))
