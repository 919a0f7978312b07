"""One training run from recipe to folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from analysis.common.errors import InputError
from analysis.models.adapter_checks import TENSORS
from analysis.models.base_model import load_base
from analysis.models.manifest import Base
from analysis.training.adapter import adapter_tensors, norm, save_adapter
from analysis.training.batches import Example, bucket, encode
from analysis.training.card import card
from analysis.training.data import read_rows, report
from analysis.training.loop import train
from analysis.training.recipe import Recipe
from analysis.training.sources import draw
from analysis.training.word_problems import word_problems


def training_base(folder: str | None, dtype: str, device: str) -> tuple[Any, Any]:
    """The base to train on and its tokenizer; the embedded base if no folder is named."""
    if folder is not None and not Path(folder).is_dir():
        raise InputError(f"There is no base folder {folder!r}. Leave --base out for the embedded.")
    base = Base("embedded") if folder is None else Base("folder", folder)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    return load_base(base, dtype=training_dtype(dtype, device), device=device)


def training_dtype(dtype: str, device: str) -> str:
    """The dtype of the base; `auto` is bfloat16 where the hardware multiplies in it."""
    if dtype != "auto":
        return dtype
    # CPUs without bfloat16 instructions multiply in it ten times slower than in float32.
    fast = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if fast else "float32"


def _start(folder: Path | None) -> dict[str, torch.Tensor] | None:
    if folder is None:
        return None
    path = folder / TENSORS
    if not path.is_file():
        raise InputError(f"There is no adapter in {str(folder)!r}. Give the folder of one.")
    return {name: tensor.float() for name, tensor in load_file(path).items()}


def run_recipe(
    recipe: Recipe,
    *,
    data: Path,
    dev: list[Path],
    dev_rows: int,
    base: str | None,
    base_name: str,
    out: Path,
    work: Path,
    dtype: str,
    device: str,
    command: str,
    start: Path | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Draw rows, train, and write adapter and card to `out`; returns what the card reports."""
    model, tokenizer = training_base(base, dtype, device)
    rows, examples = draw(recipe, data, tokenizer)
    say(f"{len(rows)} rows, {sum(map(len, examples))} tokens, base in {model.dtype}")
    sets: dict[str, list[Example]] = {}
    for path in dev:
        sets[path.stem] = [
            encode(tokenizer, row, recipe.form) for row in read_rows(path)[:dev_rows]
        ]
    if any(source.word_problems for source in recipe.sources):
        problems = word_problems(0, split="dev")
        sets["word problems, dev"] = [
            encode(tokenizer, next(problems), recipe.form) for _ in range(dev_rows)
        ]
    trained, progress = train(model, recipe, examples, sets, work, say, start=_start(start))
    tensors = adapter_tensors(trained)
    facts = {
        "tokens": sum(map(len, examples)),
        "answer_tokens": sum(len(example.answer) for example in examples),
        "steps": len(bucket(examples, recipe.batch_tokens, recipe.seed)),
        "dtype": str(model.dtype).removeprefix("torch."),
        "norm": norm(tensors, recipe.alpha / recipe.rank),
        "command": command,
        "started": start is not None,
    }
    save_adapter(trained, out, base_name)
    sources = report(rows)
    text = card(recipe, base_name, sources, facts, progress)
    (out / "README.md").write_text(text, encoding="utf-8")
    return facts | {"sources": sources, "dev": progress.dev}
