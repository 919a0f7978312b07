"""A collection that a command line names: a base and adapters of one's own, without a manifest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.common.digests import file_digest
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.models import hub
from analysis.models.adapter_files import CONFIG, TENSORS, adapter_folder
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_base, bundled_bases
from analysis.models.bases.identity import base_digest
from analysis.models.collection import AdapterEntry, Base, Collection, Kind
from analysis.models.manifest import NAME, load_collection
from analysis.models.peft_files.folder import config_of, tensors_of

OWN = ".own-"
"""What stands in a collection's name before the digest of a base and adapters of one's own."""
_DIGEST = re.compile(re.escape(OWN) + r"[0-9a-f]{8}$")
_CHOSEN = " — "
_MOST_NAMED = 8
"""The most adapters that a title names."""

_LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "dutch": "nl", "english": "en", "french": "fr",
    "german": "de", "greek": "el", "hindi": "hi", "italian": "it", "japanese": "ja",
    "korean": "ko", "polish": "pl", "portuguese": "pt", "russian": "ru", "spanish": "es",
    "swedish": "sv", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """The parts of a collection as a user names them.

    Attributes:
        collection: A bundled collection or a manifest; None where none is named.
        base: A folder, a hub id with or without `@revision`, or a bundled base; None for the
            collection's.
        adapters: Adapters as `name=PLACE` or `PLACE`, where a place is a folder or a hub id with or
            without a subfolder and `@revision`.
    """

    collection: str | None = None
    base: str | None = None
    adapters: tuple[str, ...] = ()


def collection_of(named: Named, progress: Progress | None = None) -> Collection:
    """The collection that a user names.

    With a base of its own it has the named adapters; otherwise they are added to the collection's,
    and its name and title say so.

    Args:
        named: The parts of the collection.
        progress: Told how much of a large base is read, by whose content it is known.

    Raises:
        InputError: A part is not there or cannot be used.
    """
    if named.base is None:
        collection = load_collection(*([named.collection] if named.collection else []))
        if not named.adapters:
            return collection
        entries = [adapter_entry(one) for one in named.adapters]
        return of_choice(with_entries(collection, entries), progress)
    if named.collection is not None:
        raise InputError(
            "--collection names a base already: leave out --base, or name the adapters alone."
        )
    base = base_named(named.base)
    name = slug(base.name)
    empty = Collection(name, base.title, base, (), None)
    collection = with_entries(empty, [adapter_entry(one) for one in named.adapters])
    from analysis.models.bases.bundled_base import home  # its imports take a while

    known_as = _name_of(collection, progress)
    # Its own place for what is learnt for it, such as the matrices of a lens.
    place = f"{name}-{known_as.rpartition(OWN)[2]}"
    return replace(
        collection, name=known_as, manifest=home() / "collections" / place / "collection.toml"
    )


def of_choice(collection: Collection, progress: Progress | None = None) -> Collection:
    """A collection with other adapters than its manifest names, under a name and title of its own.

    Links and files hold the name, so that numbers of other adapters are never taken for those of
    the manifest. The same base and adapters have the same name, however they were chosen.

    Args:
        collection: The collection with these adapters.
        progress: Told how much of a large base is read, by whose content it is known.
    """
    title, names = collection.title, collection.names
    if is_choice(collection):  # the title is that of an earlier choice
        title = title.rpartition(_CHOSEN)[0] or title
    chosen = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} adapters"
    name = _name_of(collection, progress)
    return replace(collection, name=name, title=f"{title}{_CHOSEN}{chosen}")


def is_choice(collection: Collection) -> bool:
    """Whether a collection's adapters were chosen by a user, rather than named by a manifest."""
    return bool(_DIGEST.search(collection.name))


def _name_of(collection: Collection, progress: Progress | None) -> str:
    """A name for links that two collections share only if base and adapters are the same."""
    parts = [base_digest(collection.base, progress), *map(_known_by, collection.adapters)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    return f"{_DIGEST.sub('', collection.name)[:48]}{OWN}{digest}"


def with_entries(collection: Collection, entries: Sequence[AdapterEntry]) -> Collection:
    """A collection with more adapters.

    Raises:
        InputError: Two adapters have the same name.
    """
    adapters = (*collection.adapters, *entries)
    names = [one.name for one in adapters]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"Two adapters are called {name!r}: give one another name, as other=PLACE."
            )
    return replace(collection, adapters=adapters)


def base_named(text: str) -> Base:
    """The base that a user names: a folder, a hub id, or a bundled base.

    Raises:
        InputError: There is no such base.
    """
    place, revision = _revision(text)
    if text in bundled_bases():
        return Base(
            "embedded", "" if text == DEFAULT_BASE else text, license=bundled_base(text).license
        )
    if _is_there(text) and _path(text).is_dir():
        return Base("folder", str(_path(text).resolve()))
    if hub.is_hub_id(place):
        return Base("hub", place, hub.commit_of(place, revision))
    raise InputError(
        f"There is no base {text!r}: give a folder, a hub id such as owner/name, or one of "
        f"{', '.join(bundled_bases())}."
    )


def adapter_entry(text: str) -> AdapterEntry:
    """The adapter that a user names, as `name=PLACE` or `PLACE`.

    Raises:
        InputError: There is no such folder or hub id, or the name cannot be used.
    """
    name, equals, place = text.partition("=")
    if not equals or not NAME.fullmatch(name):
        if equals and not _is_there(text):
            raise InputError(
                f"The adapter's name {name!r} cannot be used: take letters, digits, '.', '_' and "
                "'-', at most 64, as in math=PLACE."
            )
        name, place = "", text
    if not place:
        raise InputError(f"{text!r} names no adapter: write a folder or a hub id, as math=PLACE.")
    repository, revision = _revision(place)
    if _is_there(place):
        folder = _path(place).resolve()
        name = name or slug((folder.parent if folder.is_file() else folder).name)
        return _entry(name, folder)
    if hub.is_adapter_id(repository):
        files = hub.fetch_adapter(repository, revision)
        entry = _entry(name or slug(repository.rpartition("/")[2]), files.folder)
        return replace(entry, hub=files.id, revision=files.revision)
    raise InputError(
        f"There is no adapter {place!r}: give the folder that PEFT's save_pretrained wrote, or a "
        "hub id such as owner/name."
    )


def content_digest(entry: AdapterEntry) -> str:
    """A digest of all that an adapter's numbers follow from: its weights and its configuration.

    Raises:
        InputError: A file is missing, too large, or none that can be read to its end.
    """
    folder = adapter_folder(entry.folder)
    config_of(entry.name, folder)
    tensors_of(entry.name, folder)
    parts = [file_digest(folder / name) for name in (TENSORS, CONFIG)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _known_by(entry: AdapterEntry) -> str:
    try:
        return f"{entry.name} {content_digest(entry)}"
    except (InputError, OSError):  # the adapter is refused when it is read
        return f"{entry.name} {entry.folder}"


def slug(text: str) -> str:
    """A name for commands and links, from any text."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64]
    return found or "own"


def _entry(name: str, folder: Path) -> AdapterEntry:
    key = name.lower()
    code = _LANGUAGES.get(key) or (key if key in _LANGUAGES.values() else "")
    kind: Kind = "language" if code else "other"
    if key in ("math", "mathematics", "code", "coding", "medical", "medicine", "law", "summary"):
        kind = "task"
    return AdapterEntry(name=name, label=name, kind=kind, folder=folder, tag=code or name)


def _path(place: str) -> Path:
    """The path of a place; a shell leaves the `~` of `name=~/adapter`, and a page every one."""
    return Path(os.path.expanduser(place))  # noqa: PTH111 (of an unknown user it stays as it is)


def _is_there(place: str) -> bool:
    try:
        return _path(place).exists()
    except OSError:  # a name that no file system takes, or a folder that may not be read
        return False


def _revision(text: str) -> tuple[str, str | None]:
    place, at, revision = text.rpartition("@")
    return (place, revision) if at and place and revision else (text, None)
