"""`python -m analysis load`: many visitors at once, over the same visitors one after the other."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analysis.commands import (
    add_collection,
    add_dtype,
    add_json,
    check_count,
    collection_named,
    names_of,
)
from analysis.common.console import progress_bar
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.methods import DEFAULT_METHODS

if TYPE_CHECKING:
    from analysis.speed.crowd import Load

MOST_VISITORS = 500


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "load",
        help="time many visitors at once",
        description="Let visitors ask different questions of the bundled test sets at once, and "
        "compare answers and speed with the same visitors one after the other, in one run. Each "
        "visitor traces the question and reads several answers. With --url they ask a running "
        "page, whose collection and precision are its own; its memory is then unknown.",
    )
    parser.add_argument(
        "--url", metavar="URL", help="ask a running page, such as http://127.0.0.1:7860"
    )
    add_collection(parser)
    add_dtype(parser)
    parser.add_argument(
        "--visitors", type=int, default=16, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--methods", default=",".join(DEFAULT_METHODS), metavar="A,B",
        help="the methods that answer, comma-separated (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--new-tokens", type=int, default=32, metavar="T",
        help="the longest an answer may get (default: %(default)s)",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


def _of_page(args: argparse.Namespace) -> Load:
    from analysis.speed.remote import RemotePage, measure_page

    page, methods = RemotePage(args.url), _methods(args)
    with progress_bar() as report:
        return measure_page(page, args.visitors, methods, args.new_tokens, report)


def _of_engine(args: argparse.Namespace) -> Load:
    from analysis.engine import Engine
    from analysis.speed.load import measure_load

    collection, methods = collection_named(args), _methods(args)
    with progress_bar() as report:
        # Nothing is kept, so that every visitor does the whole work.
        limits = Limits(kept_bytes=0, answer_bytes=0)
        engine = Engine.load(collection, report, args.dtype, args.device, limits)
        return measure_load(engine, args.visitors, methods, args.new_tokens, report)


def _methods(args: argparse.Namespace) -> list[str]:
    methods = names_of(args.methods)
    if not methods:
        raise InputError(f"--methods {args.methods!r} names no method: give some, such as base.")
    return methods


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    check_count("--visitors", args.visitors, MOST_VISITORS)
    load = _of_page(args) if args.url else _of_engine(args)
    if args.json:
        print(json.dumps(asdict(load), allow_nan=False))
    else:
        for name, value in asdict(load).items():
            if isinstance(value, dict):
                value = (
                    "none"
                    if value["last"] is None
                    else (
                        f"{value['median']:.2f} (median), {value['p95']:.2f} (95th percentile), "
                        f"{value['last']:.2f} (last)"
                    )
                )
            elif value is None:
                value = "unknown"
            print(f"{name:20} {f'{value:.2f}' if isinstance(value, float) else value}")
    return 1 if load.errors or load.cross_talk else 0
