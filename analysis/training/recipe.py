"""Recipes: the settings of one training run, from TOML or from options."""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.models.collection import PromptForm

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
class Quiet:
    """The foreign rows that an adapter must not change, and the penalty for changes.

    Attributes:
        rows: TOML files whose `[[source]]` tables say where foreign rows come from, each file as
            often as the others; relative to the recipe, so another recipe serves by its name.
        weight: Of the mean relative change on foreign rows, beside the loss per answer token.
        start: Share of the penalty on the prompts' last tokens, where divergences are read; the
            rest is on all tokens alike.
        every: A batch of foreign rows, of `batch_tokens` too, comes with the first of so many
            steps.
        keep: Weight of the change from the adapter that the run goes on from, on own rows; it
            keeps what that adapter does there. 0 leaves it out.
        sources: The sources that the files of `rows` name.
    """

    rows: tuple[str, ...] = ()
    weight: float = 60.0
    start: float = 0.0
    every: int = 1
    keep: float = 0.0
    sources: tuple[SourceSpec, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """The choices behind one adapter.

    `weight_range` is the adapter weight drawn per batch. The softmax is over the first
    `head_vocabulary` tokens and those in the answers, but over all of them on every
    `whole_head_every`-th batch. `quiet` names the rows that the adapter must not change, if any.
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
    quiet: Quiet | None = None

    @property
    def prompt_form(self) -> PromptForm | None:
        """The form that questions are asked in; None for the tokenizer's chat template."""
        return PromptForm(self.form) if self.form else None


def read_recipe(path: Path, changes: dict[str, Any]) -> Recipe:
    """A recipe from a TOML file, with some of its fields replaced.

    Raises:
        InputError: the file is missing, is not TOML, or holds a field that no recipe has.
    """
    content = {"name": path.stem} | _read(path, "recipe") | changes
    return make_recipe(content, path.name, path.parent)


def _read(path: Path, what: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"There is no {what} {str(path)!r}. Give a TOML file.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is not TOML: {error}.") from error


def make_recipe(content: dict[str, Any], where: str, folder: Path = Path()) -> Recipe:
    """Check the fields of a recipe and build it.

    Args:
        content: The fields.
        where: Name of the recipe in errors.
        folder: Where the files of its `quiet` rows are looked for.

    Raises:
        InputError: A field is unknown, or its value cannot be used.
    """
    content = dict(content)
    sources = _sources(content.pop("source", []), where)
    if "quiet" in content:
        content["quiet"] = _quiet(content["quiet"], where, folder)
    recipe: Recipe = _build(Recipe, content | {"sources": sources}, where)
    low, high = recipe.weight_range
    if not 0 < low <= high:
        raise InputError(f"{where}: weight_range {low} {high} must be 0 < low <= high.")
    for field in ("rank", "alpha", "lr", "tokens", "batch_tokens", "whole_head_every"):
        if getattr(recipe, field) <= 0:
            raise InputError(f"{where}: {field} is {getattr(recipe, field)}; it must be above 0.")
    if recipe.form and recipe.form.count("{query}") != 1:
        raise InputError(
            f"{where}: form is {recipe.form!r}; it must hold {{query}} exactly once, or be empty "
            "for the tokenizer's chat template."
        )
    return recipe


def _sources(items: list[dict[str, Any]], where: str) -> tuple[SourceSpec, ...]:
    sources = tuple(_build(SourceSpec, item, where) for item in items)
    for source in sources:
        kinds = (source.rows, source.word_problems, source.drills, source.everyday)
        if sum(map(bool, kinds)) != 1:
            raise InputError(
                f"{where}: each source needs exactly one of rows, word_problems, drills, everyday."
            )
    return sources


def _quiet(content: Any, where: str, folder: Path) -> Quiet:
    if not isinstance(content, dict) or "sources" in content:
        raise InputError(f"{where}: quiet must be a table [quiet] that names files as `rows`.")
    quiet: Quiet = _build(Quiet, content, where)
    if not isinstance(quiet.rows, tuple) or not quiet.rows:
        raise InputError(
            f"{where}: quiet rows is {content.get('rows', [])!r}; it must be a list of TOML files "
            "with [[source]] tables."
        )
    for field, kinds in (("weight", (int, float)), ("every", (int,))):
        value = getattr(quiet, field)
        if type(value) not in kinds or not 0 < value < float("inf"):
            number = "a number" if float in kinds else "a whole number"
            raise InputError(f"{where}: quiet {field} is {value!r}; it must be {number} above 0.")
    if type(quiet.start) not in (int, float) or not 0 <= quiet.start <= 1:
        raise InputError(f"{where}: quiet start is {quiet.start!r}; it must be from 0 to 1.")
    if type(quiet.keep) not in (int, float) or not 0 <= quiet.keep < float("inf"):
        raise InputError(f"{where}: quiet keep is {quiet.keep!r}; it must be 0 or above.")
    sources: list[SourceSpec] = []
    for name in quiet.rows:
        path = folder / str(name)
        found = _sources(_read(path, "file of quiet rows").get("source", []), path.name)
        if not found:
            raise InputError(f"{where}: quiet rows names {name!r}, which has no [[source]].")
        total = sum(source.weight for source in found)
        sources += [replace(source, weight=source.weight / total) for source in found]
    return replace(quiet, sources=tuple(sources))


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
