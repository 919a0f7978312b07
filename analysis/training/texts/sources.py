"""From the sources a recipe names to the rows a run trains on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.training.recipe import Recipe, SourceSpec
from analysis.training.texts.batches import TokenExample, encode
from analysis.training.texts.everyday import everyday
from analysis.training.texts.examples import ExampleSource, TextExample, mix, read_rows, take_tokens
from analysis.training.texts.word_problems import drills, word_problems

ASSETS = Path(__file__).resolve().parents[3] / "assets"


def frames_file(name: str) -> Path:
    """The bundled frames of a language ("es"), or the TOML file of that path."""
    return Path(name) if name.endswith(".toml") else ASSETS / "everyday" / f"{name}.toml"


def open_source(spec: SourceSpec, data: Path, seed: int) -> ExampleSource:
    """The rows behind one source of a recipe.

    Raises:
        InputError: its file is missing or cannot be read as rows or frames.
    """
    if spec.rows:
        rows = read_rows(
            data / spec.rows,
            max_characters=spec.max_characters,
            tasks=spec.tasks,
            skip=spec.skip,
        )
        return ExampleSource(spec.rows, rows, spec.weight)
    if spec.everyday:
        return ExampleSource(spec.everyday, everyday(frames_file(spec.everyday), seed), spec.weight)
    if spec.drills:
        return ExampleSource("sums", drills(seed), spec.weight)
    return ExampleSource("word problems", word_problems(seed), spec.weight)


def draw(
    specs: Sequence[SourceSpec], data: Path, tokenizer: Any, recipe: Recipe, tokens: int
) -> tuple[list[TextExample], list[TokenExample]]:
    """The first rows of some sources that hold `tokens` tokens, and the same rows as tokens.

    The same seed gives the same rows in the same order; more tokens give more rows after them.
    """
    sources = [open_source(spec, data, recipe.seed) for spec in specs]
    rows = take_tokens(
        mix(sources, recipe.seed),
        lambda row: len(encode(tokenizer, row, recipe.prompt_form)),
        tokens,
    )
    return rows, [encode(tokenizer, row, recipe.prompt_form) for row in rows]
