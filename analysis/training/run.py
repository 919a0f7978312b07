"""One training run from recipe to folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from analysis.common.errors import InputError
from analysis.models.adapter_files import TENSORS
from analysis.models.adapters import delta_norm
from analysis.models.bases.base_model import load_base
from analysis.models.bases.bundled import bundled_base, bundled_bases
from analysis.models.collection import Base
from analysis.training.adapter import adapter_tensors, factors, save_adapter
from analysis.training.card import card, earlier
from analysis.training.loop import train
from analysis.training.quiet import SAMPLE_TOKENS, ForeignRows, foreign_rows
from analysis.training.recipe import Recipe
from analysis.training.texts.batches import TokenExample, bucket, encode
from analysis.training.texts.examples import TextExample, read_rows, report, take_tokens
from analysis.training.texts.sources import draw
from analysis.training.texts.word_problems import word_problems


def base_to_train_on(base: str, dtype: str, device: str) -> tuple[Any, Any]:
    """The frozen base and its tokenizer.

    Args:
        base: Name of a bundled base, or the folder of a base.
        dtype: `float32`, `bfloat16`, or `auto`: bfloat16 where the hardware multiplies in it.
        device: `cpu`, `cuda`, or `auto`: a GPU where there is one.

    Raises:
        InputError: The base cannot be loaded.
    """
    bundled = base in bundled_bases()
    if not bundled and not Path(base).is_dir():
        raise InputError(
            f"There is no base folder {base!r}. Give a folder, or one of "
            f"{', '.join(bundled_bases())}."
        )
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if dtype == "auto":
        # CPUs without bfloat16 instructions multiply in it ten times slower than in float32.
        fast = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
        dtype = "bfloat16" if fast else "float32"
    found = Base("embedded" if bundled else "folder", base)
    return load_base(found, dtype=dtype, device=device)


def _start(folder: Path | None) -> dict[str, torch.Tensor] | None:
    if folder is None:
        return None
    path = folder / TENSORS
    if not path.is_file():
        raise InputError(f"There is no adapter in {str(folder)!r}. Give the folder of one.")
    return {name: tensor.float() for name, tensor in load_file(path).items()}


def _foreign(
    recipe: Recipe, data: Path, tokenizer: Any, own: list[TokenExample]
) -> tuple[ForeignRows | None, list[TextExample]]:
    """The foreign rows of a run as batches, and those of them that it trains on."""
    quiet = recipe.quiet
    if quiet is None:
        return None, []
    steps = len(bucket(own, recipe.batch_tokens, recipe.seed))
    tokens = -(-steps // quiet.every) * recipe.batch_tokens
    rows, examples = draw(quiet.sources, data, tokenizer, recipe, tokens + SAMPLE_TOKENS)
    used = len(take_tokens(iter(examples), len, tokens))
    _, more = draw(recipe.sources, data, tokenizer, recipe, recipe.tokens + SAMPLE_TOKENS)
    samples = {"own": more[len(own) :], "foreign": examples[used:]}
    found = foreign_rows(quiet, examples[:used], samples, recipe.batch_tokens, recipe.seed)
    return found, rows[:used]


def run_recipe(
    recipe: Recipe,
    *,
    data: Path,
    dev: list[Path],
    dev_rows: int,
    base: str,
    base_name: str,
    out: Path,
    work: Path,
    dtype: str,
    device: str,
    command: str,
    start: Path | None,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Draw rows, train, and write adapter and card to `out`; returns the facts in the card."""
    model, tokenizer = base_to_train_on(base, dtype, device)
    rows, examples = draw(recipe.sources, data, tokenizer, recipe, recipe.tokens)
    foreign, foreign_drawn = _foreign(recipe, data, tokenizer, examples)
    log(f"{len(rows)} rows, {sum(map(len, examples))} tokens, base in {model.dtype}")
    sets: dict[str, list[TokenExample]] = {}
    for path in dev:
        sets[path.stem] = [
            encode(tokenizer, row, recipe.prompt_form) for row in read_rows(path)[:dev_rows]
        ]
    if any(source.word_problems for source in recipe.sources):
        problems = word_problems(0, split="dev")
        sets["word problems, dev"] = [
            encode(tokenizer, next(problems), recipe.prompt_form) for _ in range(dev_rows)
        ]
    trained, progress = train(
        model, recipe, examples, sets, work, log, start=_start(start), foreign=foreign
    )
    tensors = adapter_tensors(trained)
    facts = {
        "tokens": sum(map(len, examples)),
        "answer_tokens": sum(len(example.answer) for example in examples),
        "steps": len(bucket(examples, recipe.batch_tokens, recipe.seed)),
        "dtype": str(model.dtype).removeprefix("torch."),
        "norm": delta_norm(factors(tensors, recipe.alpha / recipe.rank)),
        "command": command,
        "started": start is not None,
        "license": bundled_base(base).license if base in bundled_bases() else "",
        "terms": bundled_base(base).terms if base in bundled_bases() else "",
    }
    save_adapter(trained, out, base_name)
    sources = {"own": report(rows), "foreign": report(foreign_drawn)}
    text = card(recipe, base_name, sources, facts, progress, earlier(start) if start else None)
    (out / "README.md").write_text(text, encoding="utf-8")
    return facts | {
        "sources": sources["own"],
        "foreign_sources": sources["foreign"],
        "dev": progress.dev,
        "change": progress.change,
    }
