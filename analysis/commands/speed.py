"""`python -m analysis speed`: the cost of the analysis, as ratios within one run."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analysis.commands import add_collection, add_json, check_count, collection_named
from analysis.common.console import progress_bar
from analysis.models.collection import Collection

if TYPE_CHECKING:
    from analysis.speed.timing import Ratio


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "speed",
        help="time the analysis against other ways to do it",
        description="Time traces and decoding against other ways, in turn, within one run, on the "
        "collection's base and made-up adapters: random numbers on all linears, as strong as "
        "trained ones.",
    )
    add_collection(parser)
    parser.add_argument("--adapters", type=int, metavar="K", help="(default: 6)")
    parser.add_argument("--rank", type=int, default=16, metavar="R", help="(default: 16)")
    parser.add_argument("--prompt-tokens", type=int, default=64, metavar="T", help="(default: 64)")
    parser.add_argument(
        "--table",
        nargs="+",
        choices=("adapters", "prompt-tokens", "rank", "vocabulary"),
        help="instead, a table of costs where only these change",
    )
    parser.add_argument(
        "--shortlist", type=int, metavar="M",
        help="instead, the cost of a shortlist of M of K adapters (64 by default: the "
        "collection's own, copies of them and random ones), and whether it keeps those that lead",
    )  # fmt: skip
    parser.add_argument(
        "--queries", type=int, default=200, metavar="N",
        help="bundled questions of --shortlist (default: %(default)s)",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from analysis.speed.bench import measure_speed

    if args.adapters is None:
        args.adapters = 6 if args.shortlist is None else 64
    for name, value, most in (
        ("--adapters", args.adapters, 64),
        ("--rank", args.rank, 256),
        ("--prompt-tokens", args.prompt_tokens, 1024),
        ("--shortlist", 1 if args.shortlist is None else args.shortlist, args.adapters),
        ("--queries", args.queries, 1000),
    ):
        check_count(name, value, most)
    collection = collection_named(args)
    if args.table is not None:
        return _table(collection, args.table, args.json)
    if args.shortlist is not None:
        return _shortlists(collection, args)
    with progress_bar() as report:
        speed = measure_speed(collection, args.adapters, args.rank, args.prompt_tokens, report)
    if not args.json:
        print(
            f"{args.adapters} made-up adapters of rank {args.rank}, random numbers on all linears"
        )
        for name, ratio in speed.ratios.items():
            print(f"{name:22} {ratio.median:7.2f}   ({ratio.low:.2f} to {ratio.high:.2f})")
        print(
            f"The naive way's head ran on {speed.naive_layers} of {speed.layers} layers; its time "
            "in them was scaled to all."
        )
        print(f"{'peak memory':22} {speed.peak_bytes / 1e6:7.0f} MB beyond the loaded model")
        if speed.bfloat16 is not None:
            print(
                f"{'bfloat16':22} {speed.bfloat16.over_float32:7.2f}   of float32's time; weights "
                f"change by {speed.bfloat16.mean_change:.4f} on average, "
                f"{speed.bfloat16.largest_change:.4f} at most"
            )
        return 0
    result: dict[str, Any] = {
        "adapters": args.adapters,
        "rank": args.rank,
        "prompt_tokens": args.prompt_tokens,
        "made_up_adapters": True,
    }
    for name, ratio in speed.ratios.items():
        result[name] = ratio.median
        result[f"{name}_spread"] = [ratio.low, ratio.high]
    result["seconds"] = speed.seconds
    result["naive_layers_measured"] = [speed.naive_layers, speed.layers]
    result["disagreement"] = speed.disagreement
    result["peak_memory_mb"] = speed.peak_bytes / 1e6
    result["bfloat16"] = asdict(speed.bfloat16) if speed.bfloat16 is not None else None
    print(json.dumps(result))
    return 0


def _table(collection: Collection, axes: list[str], as_json: bool) -> int:
    from analysis.speed.table import measure_table

    with progress_bar() as report:
        costs = list(measure_table(collection, axes, report))
    if as_json:
        print(json.dumps([asdict(cost) for cost in costs]))
        return 0
    heads = ("adapters", "tokens", "rank", "vocabulary", "s", "s an adapter", "over usual")
    print(f"| {' | '.join((*heads, 'over floor', 'decode', 'MB'))} |")
    print(f"|{'---|' * (len(heads) + 3)}")
    for cost in costs:
        setting = cost.setting
        cells = [
            f"{setting.adapters}",
            f"{setting.tokens}",
            f"{setting.rank}",
            f"{cost.vocabulary}",
            f"{cost.seconds:.2f}",
            f"{cost.adapter_seconds:.3f}",
            _said(cost.over_usual),
            _said(cost.over_floor),
            _said(cost.decode_over_base),
            f"{cost.peak_bytes / 1e6:.0f}",
        ]
        print(f"| {' | '.join(cells)} |")
    return 0


def _shortlists(collection: Collection, args: argparse.Namespace) -> int:
    from analysis.speed.shortlists import LEADERS, measure_shortlists

    with progress_bar() as report:
        found = measure_shortlists(collection, args.adapters, args.shortlist, args.queries, report)
    if args.json:
        print(json.dumps(asdict(found)))
        return 0
    print(f"{found.length} of {found.adapters} adapters, {found.queries} queries")
    for name, ratio in (
        (f"over {len(collection.adapters)} adapters", found.over_few),
        (f"over {found.adapters} adapters", found.over_all),
    ):
        print(f"{name:22} {ratio.median:7.2f}   ({ratio.low:.2f} to {ratio.high:.2f})")
    print(f"{'choosing':22} {found.choosing_share:7.2f}   of the whole trace")
    for recall in found.recalls:
        print(
            f"a shortlist of {recall.length:2} holds the {LEADERS} adapters of largest mean "
            f"relevance in {recall.same_by_relevance} queries, and those of largest mean weight in "
            f"{recall.kept_by_weight}; these have the largest mean weights on it, too, in "
            f"{recall.same_by_weight}"
        )
    print(f"{found.different_leaders} different sets of the {LEADERS} most relevant adapters")
    return 0


def _said(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
