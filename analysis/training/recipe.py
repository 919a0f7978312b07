"""What one adapter is trained with: a recipe, given as TOML or as options."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class SourceSpec:
    """Where rows come from: a JSONL file, the word problems, or everyday frames.

    Exactly one of `rows` (a file, relative to the data folder), `word_problems` (true), `drills`
    (true) and `everyday` (a language with bundled frames, or a TOML file of frames) is set.
    """

    weight: float = 1.0
    rows: str = ""
    tasks: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    max_characters: int = 700
    word_problems: bool = False
    drills: bool = False
    everyday: str = ""


@dataclass(frozen=True)
class Recipe:
    """The choices behind one adapter.

    `weight_range` is the adapter weight drawn per batch. The softmax is over the first
    `head_vocabulary` tokens and those in the answers, but over all of them on every
    `whole_head_every`-th batch.
    """

    name: str
    sources: tuple[SourceSpec, ...] = ()
    purpose: str = ""
    limits: str = ""
    rank: int = 16
    alpha: int = 32
    lr: float = 5e-4
    tokens: int = 100_000
    batch_tokens: int = 768
    warmup: float = 0.06
    weight_decay: float = 0.0
    weight_range: tuple[float, float] = (0.3, 1.0)
    head_vocabulary: int = 32_768
    whole_head_every: int = 4
    modules: tuple[str, ...] = LINEARS
    form: str = "<bos>User: {query}\nAssistant: "
    seed: int = 0


def read_recipe(path: Path, changes: dict[str, Any]) -> Recipe:
    """A recipe from a TOML file, with some of its fields replaced.

    Raises:
        InputError: the file is missing, is not TOML, or holds a field that no recipe has.
    """
    if not path.is_file():
        raise InputError(f"There is no recipe {str(path)!r}. Give a TOML file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is not TOML: {error}.") from error
    return make_recipe({"name": path.stem} | content | changes, path.name)


def make_recipe(content: dict[str, Any], where: str) -> Recipe:
    """Check the fields of a recipe and build it; `where` is named in errors."""
    content = dict(content)
    sources = tuple(_build(SourceSpec, item, where) for item in content.pop("source", []))
    for source in sources:
        kinds = (source.rows, source.word_problems, source.drills, source.everyday)
        if sum(map(bool, kinds)) != 1:
            raise InputError(
                f"{where}: each source needs exactly one of rows, word_problems, drills, everyday."
            )
    recipe: Recipe = _build(Recipe, content | {"sources": sources}, where)
    low, high = recipe.weight_range
    if not 0 < low <= high:
        raise InputError(f"{where}: weight_range {low} {high} must be 0 < low <= high.")
    for field in ("rank", "alpha", "lr", "tokens", "batch_tokens", "whole_head_every"):
        if getattr(recipe, field) <= 0:
            raise InputError(f"{where}: {field} is {getattr(recipe, field)}; it must be above 0.")
    return recipe


def _build(kind: Any, content: dict[str, Any], where: str) -> Any:
    known = {field.name for field in fields(kind)}
    for key in content:
        if key not in known:
            raise InputError(f"{where}: unknown field {key!r}. Known: {', '.join(sorted(known))}.")
    return kind(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in content.items()
        }
    )
