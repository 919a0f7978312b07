"""Reading a collection from its TOML manifest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

from analysis.common.errors import InputError
from analysis.models import hub
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_bases
from analysis.models.collection import AdapterEntry, Base, Collection, Kind, PromptForm
from analysis.models.manifest_table import ManifestTable

COLLECTIONS = Path(__file__).resolve().parents[2] / "assets" / "collections"
DEFAULT_COLLECTION = "gemma-3-270m"

_SHA256 = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML ({error}): correct it.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): make it readable.") from error
    return _read(content, path)


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


def with_adapters(collection: Collection, names: Sequence[str]) -> Collection:
    """A collection with some of its adapters only, in the collection's order."""
    chosen = tuple(adapter for adapter in collection.adapters if adapter.name in names)
    return replace(collection, adapters=chosen)


def _manifest_path(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    candidates = [Path(text), Path(text) / "collection.toml"]
    if NAME.fullmatch(text):
        candidates.append(COLLECTIONS / text / "collection.toml")
    for candidate in candidates:
        with suppress(OSError):  # a name that no file system takes
            if candidate.is_file():
                return candidate.resolve()
    raise InputError(
        f"There is no collection {text!r}: give the path of a collection.toml, or name one of "
        f"{', '.join(bundled_collections())}."
    )


_TOP = ("name", "title", "lens", "position", "normalisation", "quiet", "base", "prompt", "adapters")
_BASE = ("embedded", "folder", "hub", "revision", "license")
_PROMPT = ("form", "stop")
_ADAPTER = (
    "name", "label", "kind", "tag", "folder", "hub", "revision", "license", "note", "sha256",
    "config_sha256"
)  # fmt: skip


def _read(content: dict[str, Any], path: Path) -> Collection:
    top = ManifestTable(path, "", content, _TOP)
    name = top.text("name")
    _check_name(top, name)
    adapters = tuple(_adapter(table, path) for table in top.tables("adapters", _ADAPTER))
    names = [adapter.name for adapter in adapters]
    for adapter in names:
        if names.count(adapter) > 1:
            raise top.error(f"names adapter {adapter!r} twice: give each its own name")
    return Collection(
        name=name,
        title=top.text("title", name),
        base=_base(top.table("base", _BASE), path),
        adapters=adapters,
        prompt=_prompt(top.table("prompt", _PROMPT)) if top.has("prompt") else None,
        lens=top.text("lens", "norm"),
        position=top.text("position", "query"),
        normalisation=top.text("normalisation", "sum"),
        quiet=top.flag("quiet"),
        manifest=path,
    )


def _base(table: ManifestTable, path: Path) -> Base:
    given = [key for key in ("folder", "hub") if table.has(key)]
    embedded = table.name_or_flag("embedded", bundled_bases())
    given += ["embedded"] if embedded else []
    if len(given) != 1:
        raise table.error(
            "must have exactly one of embedded = true, folder and hub; it has "
            f"{' and '.join(given) or 'none'}"
        )
    if table.has("revision") and given != ["hub"]:
        raise table.error("has a revision, which belongs to a hub id: leave it out")
    license_ = table.text("license", "", empty=True)
    if given == ["embedded"]:
        named = isinstance(embedded, str) and embedded != DEFAULT_BASE
        return Base("embedded", str(embedded) if named else "", license=license_)
    if given == ["folder"]:
        return Base("folder", str(path.parent / table.text("folder")), license=license_)
    hub_id = table.text("hub")
    if not table.has("revision"):
        raise table.error(
            f'names the hub id {hub_id!r} without a revision: add revision = "<commit>", so that '
            "the model cannot change under the collection"
        )
    return Base("hub", hub_id, hub.commit_of(hub_id, table.text("revision")), license_)


def _adapter(table: ManifestTable, path: Path) -> AdapterEntry:
    name, kind = table.text("name"), table.text("kind", "other")
    _check_name(table, name, "label")
    if kind not in get_args(Kind):
        raise table.error(f"has kind = {kind!r}: take one of {', '.join(get_args(Kind))}")
    folder, hub_id, revision = _adapter_place(table, path)
    return AdapterEntry(
        name=name,
        label=table.text("label", name),
        kind=cast(Kind, kind),
        folder=folder,
        hub=hub_id,
        revision=revision,
        license=table.text("license", "", empty=True),
        note=table.text("note", "", empty=True),
        sha256=_digest(table, "sha256"),
        config_sha256=_digest(table, "config_sha256"),
        tag=table.text("tag", name),
    )


def _adapter_place(table: ManifestTable, path: Path) -> tuple[Path, str, str]:
    """Folder, hub id and commit of an adapter; its files are fetched if they are not here yet."""
    if table.has("hub") and table.has("folder"):
        raise table.error('must have exactly one of folder = "…" and hub = "…"')
    if not table.has("hub"):
        if table.has("revision"):
            raise table.error("has a revision, which belongs to a hub id: leave it out")
        return path.parent / table.text("folder"), "", ""
    hub_id = table.text("hub")
    if not hub.is_adapter_id(hub_id):
        raise table.error(f"has hub = {hub_id!r}: write owner/name")
    if not table.has("revision"):
        raise table.error(
            f'names the hub id {hub_id!r} without a revision: add revision = "<commit>"'
        )
    files = hub.fetch_adapter(hub_id, table.text("revision"))
    return files.folder, files.id, files.revision


def _digest(table: ManifestTable, key: str) -> str:
    digest = table.text(key, "").lower()
    if digest and not _SHA256.fullmatch(digest):
        raise table.error(f"has {key} = {digest!r}: write the 64 hexadecimal digits")
    return digest


def _check_name(table: ManifestTable, name: str, other: str = "title") -> None:
    if not NAME.fullmatch(name):
        raise table.error(
            f"has name = {name!r}: take letters, digits, '.', '_' and '-', at most 64, and put "
            f"anything else into the {other}"
        )


def _prompt(table: ManifestTable) -> PromptForm:
    form = table.text("form")
    if form.count("{query}") != 1:
        raise table.error(f"has form = {form!r}: it must hold {{query}} exactly once")
    return PromptForm(form, table.texts("stop"))
