"""`python -m analysis train`: make an adapter from a recipe or from JSONL rows."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.commands import add_json
from analysis.common.console import note
from analysis.common.errors import InputError
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_bases
from analysis.training.recipe import Recipe, make_recipe, read_recipe

OPTIONS = {
    "rank": "rank of the adapter's two matrices",
    "alpha": "the adapter is scaled by alpha / rank",
    "lr": "peak learning rate",
    "tokens": "tokens of own rows to train on",
    "batch_tokens": "the most tokens in a batch, padding included",
    "seed": "of the rows, their order and the first matrices",
    "head_vocabulary": "the softmax is over so many first tokens, but for some batches over all",
}
"""The fields of a recipe that the command can replace, in words."""


def add(subparsers: Any) -> None:
    """Add the parser of the subcommand."""
    parser = subparsers.add_parser(
        "train", help="train a LoRA adapter", description="Train one LoRA adapter on a base."
    )
    parser.add_argument("recipe", nargs="?", type=Path, help="a TOML recipe")
    parser.add_argument(
        "--rows",
        action="append",
        default=[],
        metavar="FILE[:WEIGHT]",
        help="instead of a recipe: JSONL rows with instruction and output",
    )
    parser.add_argument("--name", help="the adapter's name (default: the recipe's)")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the recipe's rows")
    parser.add_argument(
        "--dev",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="JSONL rows whose loss is measured on the way",
    )
    parser.add_argument("--dev-rows", type=int, default=40, help="rows used of each dev file")
    parser.add_argument(
        "--base",
        default=DEFAULT_BASE,
        help=f"a folder, or one of {', '.join(bundled_bases())} (default: {DEFAULT_BASE})",
    )
    parser.add_argument(
        "--base-name",
        help="name of the base in the adapter's configuration (default: that of --base)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--start", type=Path, help="folder of an adapter to go on from")
    parser.add_argument(
        "--work", type=Path, help="folder for checkpoints (default: OUT/../NAME.work)"
    )
    parser.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the base; auto: bfloat16 where the hardware multiplies in it",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    for option, meaning in OPTIONS.items():
        parser.add_argument(
            "--" + option.replace("_", "-"),
            type=float if option == "lr" else int,
            dest=option,
            metavar="N",
            help=f"{meaning} (default: the recipe's; without one {getattr(Recipe, option)})",
        )
    parser.add_argument(
        "--weight-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="the adapter weight is drawn from this range for each batch",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, write the adapter with its card to `--out`, print the result."""
    # Imported here, so that the other subcommands start without peft.
    from analysis.training.run import run_recipe

    recipe = _recipe(args)
    result = run_recipe(
        recipe,
        data=args.data,
        dev=args.dev,
        dev_rows=args.dev_rows,
        base=args.base,
        base_name=args.base_name or Path(args.base).name,
        out=args.out,
        work=args.work or args.out.parent / f"{recipe.name}.work",
        dtype=args.dtype,
        device=args.device,
        command=_command(args),
        start=args.start,
        log=note,
    )
    if args.json:
        print(json.dumps(asdict(recipe) | result))
    else:
        print(f"{recipe.name}: {result['steps']} steps, written to {args.out}")
    return 0


def _recipe(args: argparse.Namespace) -> Recipe:
    changes = {key: getattr(args, key) for key in OPTIONS if getattr(args, key) is not None}
    if args.name:
        changes["name"] = args.name
    if args.weight_range:
        changes["weight_range"] = args.weight_range
    if args.recipe and args.rows:
        raise InputError("Give either a recipe or --rows, not both.")
    if args.recipe:
        return read_recipe(args.recipe, changes)
    if not args.rows:
        raise InputError("There is nothing to train on. Give a recipe or --rows FILE.")
    sources = []
    for item in args.rows:
        path, colon, weight = item.rpartition(":")
        if not colon or not weight.replace(".", "", 1).isdigit():
            path, weight = item, "1"
        sources.append({"rows": str(Path(path).absolute()), "weight": float(weight)})
    return make_recipe({"name": "adapter", "source": sources} | changes, "the options")


def _command(args: argparse.Namespace) -> str:
    """The command as a card should show it: without folders of this machine."""
    if args.recipe:
        words = ["python -m analysis train", f"recipes/{args.recipe.name}", "--data DATA"]
    else:
        words = ["python -m analysis train"] + ["--rows ROWS.jsonl"] * len(args.rows)
    for option in OPTIONS:
        if getattr(args, option) is not None:
            words.append(f"--{option.replace('_', '-')} {getattr(args, option)}")
    if args.weight_range:
        words.append("--weight-range {} {}".format(*args.weight_range))
    if args.base != DEFAULT_BASE:
        words.append(f"--base {args.base if args.base in bundled_bases() else 'BASE'}")
    if args.start:
        words.append("--start FIRST")
    return " ".join([*words, "--out OUT"])
