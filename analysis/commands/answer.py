"""`python -m analysis answer`: one query, answered by several methods in lock step."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.commands import (
    add_query_arguments,
    add_shortlist,
    fusion_request,
    names_of,
    query_of,
)
from analysis.common.console import json_line, lines, one_line, progress_bar
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.methods import (
    ALL,
    DEFAULT_METHODS,
    Unavailable,
    expanded,
    fuse_available,
    named,
    written_names,
)

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.decoding.answers import Answer
    from analysis.inference.decoding.sampling import Sampling
    from analysis.inference.mixing.rows import Row
    from analysis.inference.prompt import Prompt
    from analysis.measure.context import Context

TOGETHER = Limits().rows
"""The most answers that are decoded in lock step."""


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "answer",
        help="answer a query with several methods side by side",
        description="Answer a query once for each method, in lock step. More than "
        f"{TOGETHER} answers are decoded in groups of {TOGETHER}, one group after the other, "
        "which changes no answer.",
    )
    add_query_arguments(parser)
    add_shortlist(parser)
    parser.add_argument(
        "--methods",
        default=",".join(DEFAULT_METHODS),
        metavar="M,N",
        help=f"comma-separated, of {', '.join(written_names())}; {ALL} stands for every other "
        "method and each adapter alone, leaves out the methods that need something that is not "
        "there, and names them with the reason; `python -m analysis methods` describes the methods "
        "(default: %(default)s)",
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
    from analysis.inference.decoding.sampling import Sampling

    query, asked = query_of(args), names_of(args.methods) or []
    request = fusion_request(args)
    chosen, settings = request.adapters, request.settings
    names = expanded(asked, chosen)
    for name, (_, adapter) in zip(names, named(names, request.collection.names), strict=True):
        if adapter and adapter not in chosen:
            raise InputError(
                f"Method {name!r} needs adapter {adapter!r}, which --adapters leaves out: add it."
            )
    Limits().check_answer(1, 1, args.max_new_tokens)
    sampling = Sampling(args.temperature, args.top_p, args.seed)
    began = time.perf_counter()
    with progress_bar() as report:
        engine = Engine.load(request.fused, report, args.dtype, args.device)
        loaded = time.perf_counter()
        prompt = engine.prompt(query, plain=args.plain)
        fused_adapters = chosen
        if args.shortlist is not None:
            shortlist = engine.shortlist(prompt, chosen, args.shortlist, settings, report)
            fused_adapters = shortlist.adapters
        context = engine.context(prompt, fused_adapters, settings, progress=report)
        rows, reasons = _rows(names, asked, context)
        fused = time.perf_counter()
        answers = _answers(engine, prompt, rows, args.max_new_tokens, sampling, report)
    answered = time.perf_counter()
    if len(fused_adapters) < len(chosen):
        left_out_adapters = ", ".join(shortlist.left_out)
        print(f"left out by the shortlist: {left_out_adapters}", file=sys.stderr)
    for name, reason in reasons.items():
        print(one_line(f"{name} does not answer: {reason}"), file=sys.stderr)
    if not args.json:
        for name, answer in answers.items():
            print(f"── {name}\n{lines(answer.text)}\n")
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
    left_out = {name: str(reason) for name, reason in reasons.items()}
    print(
        json_line(
            {
                "answers": found,
                "adapters": list(fused_adapters),
                "unavailable": left_out,
                "seconds": seconds,
            }
        )
    )
    return 0


def _rows(
    names: Sequence[str], asked: Sequence[str], context: Context
) -> tuple[list[Row], dict[str, Unavailable]]:
    """The rows of some methods, and why the rest of `all` has none.

    Raises:
        Unavailable: A method that was asked for by its name needs something that is not there.
    """
    rows, reasons = fuse_available(names, context)
    for name, reason in reasons.items():
        if name in asked:
            raise Unavailable(f"{name} cannot answer: {reason}")
    return rows, reasons


def _answers(
    engine: Engine,
    prompt: Prompt,
    rows: Sequence[Row],
    new_tokens: int,
    sampling: Sampling,
    report: Progress,
) -> dict[str, Answer]:
    """The answers of rows by name, in groups as large as an engine takes."""
    from analysis.inference.decoding.answers import GrowingAnswer

    answers: dict[str, Answer] = {}
    for start in range(0, len(rows), TOGETHER):
        group = rows[start : start + TOGETHER]
        parts = [GrowingAnswer() for _ in group]
        steps = engine.answer(prompt, group, new_tokens=new_tokens, sampling=sampling)
        what = "answering"
        if len(rows) > TOGETHER:
            what += f" {start + 1} to {start + len(group)} of {len(rows)}"
        for step in steps:
            report(what, (step.index + 1) / new_tokens)
            for token in step.tokens:
                parts[token.row].push(token)
        weights = steps.policy_weights()
        for row, part, own in zip(group, parts, weights, strict=True):
            answers[row.name] = part.answer(own)
    return answers
