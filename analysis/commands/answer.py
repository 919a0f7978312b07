"""`python -m analysis answer`: one query, answered by several methods in lock step."""

import argparse
import json
import time
from typing import Any

from analysis.commands import add_query_arguments, names_of, query_of, weight_settings_of
from analysis.common.console import progress_bar
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.methods import DEFAULT_METHODS, fuse, named, written_names
from analysis.models.manifest import choose_adapters, load_collection, with_adapters


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "answer",
        help="answer a query with several methods side by side",
        description="Answer a query once for each method, in lock step.",
    )
    add_query_arguments(parser)
    parser.add_argument(
        "--methods",
        default=",".join(DEFAULT_METHODS),
        metavar="M,N",
        help=f"comma-separated, of {', '.join(written_names())} (default: %(default)s)",
    )
    parser.add_argument(
        "--max-new-tokens", type=int, default=128, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument("--temperature", type=float, default=0.0, help="0 is greedy (default)")
    parser.add_argument("--top-p", type=float, default=1.0, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of sampling (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer the query and print the answers."""
    from analysis.engine import Engine
    from analysis.inference.decoding.answers import GrowingAnswer
    from analysis.inference.decoding.sampling import Sampling
    from analysis.measure.checks.collection_check import check_collection

    query, names = query_of(args), names_of(args.methods) or []
    collection = load_collection(args.collection)
    chosen = choose_adapters(names_of(args.adapters), collection.names)
    check_collection(collection)
    settings = weight_settings_of(args, collection)
    for name, (_, adapter) in zip(names, named(names, collection.names), strict=True):
        if adapter and adapter not in chosen:
            raise InputError(
                f"Method {name!r} needs adapter {adapter!r}, which --adapters leaves out: add it."
            )
    Limits().check_answer(1, len(names), args.max_new_tokens)
    sampling = Sampling(args.temperature, args.top_p, args.seed)
    began = time.perf_counter()
    with progress_bar() as report:
        engine = Engine.load(with_adapters(collection, chosen), report, args.dtype)
        loaded = time.perf_counter()
        prompt = engine.prompt(query, plain=args.plain)
        rows = fuse(names, engine.context(prompt, chosen, settings, progress=report))
        fused = time.perf_counter()
        parts = [GrowingAnswer() for _ in rows]
        steps = engine.answer(prompt, rows, new_tokens=args.max_new_tokens, sampling=sampling)
        for step in steps:
            report("answering", (step.index + 1) / args.max_new_tokens)
            for token in step.tokens:
                parts[token.row].push(token)
    answered = time.perf_counter()
    answers = {
        row.name: part.answer(weights)
        for row, part, weights in zip(rows, parts, steps.policy_weights(), strict=True)
    }
    if not args.json:
        for name, answer in answers.items():
            print(f"── {name}\n{answer.text}\n")
        return 0
    seconds = {"load": loaded - began, "weights": fused - loaded, "answer": answered - fused}
    found = {
        name: {
            "text": answer.text,
            "tokens": answer.tokens,
            "mean_logprob": answer.mean_logprob,
            "end": answer.end,
        }
        for name, answer in answers.items()
    }
    print(json.dumps({"answers": found, "seconds": seconds}, ensure_ascii=False))
    return 0
