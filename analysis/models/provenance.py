"""What a run was made with: enough to make it again, and to notice where it would differ."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from analysis.models.adapter_checks import TENSORS
from analysis.models.manifest import COLLECTIONS, AdapterEntry, Collection

_PACKAGES = ("torch", "transformers", "peft")
_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@dataclass(frozen=True)
class File:
    """A file and its digest.

    Attributes:
        name: Its name, without the folder.
        sha256: The digest of its bytes.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """What a run was made with.

    Attributes:
        manifest: What `load_collection` takes: a bundled collection's name, or the file name of a
            manifest that is not bundled.
        bundled: Whether it ships with the product.
        base: The base: the hub id, the folder's name, or `embedded`.
        revision: The hub revision; None elsewhere.
        base_files: The base's weights; none where a revision says it all.
        adapters: Each adapter's weights, in the collection's order.
        versions: Of this product and of what computes, by name.
    """

    manifest: str
    bundled: bool
    base: str
    revision: str | None
    base_files: tuple[File, ...]
    adapters: tuple[File, ...]
    versions: dict[str, str]


def provenance(collection: Collection) -> Provenance:
    """What a run of a collection is made with; reads each file of weights once a process."""
    bundled = any(entry.folder.is_relative_to(COLLECTIONS) for entry in collection.adapters)
    base = collection.base
    return Provenance(
        manifest=collection.name if bundled else "collection.toml",
        bundled=bundled,
        # A folder's place on this machine is nobody else's business.
        base={"embedded": "embedded", "folder": Path(base.location).name}.get(
            base.source, base.location
        ),
        revision=base.revision,
        base_files=_base_files(collection),
        adapters=tuple(_adapter_file(entry) for entry in collection.adapters),
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Versions of this product, of Python and of what computes."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    found = {"fusion-lens": str(project["version"]), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _base_files(collection: Collection) -> tuple[File, ...]:
    base = collection.base
    if base.source == "embedded":
        from analysis.models.bundled_base import GEMMA  # imports what the page need not wait for

        return (File("gemma-3-270m-q4_k_m.gguf", GEMMA.sha256),)
    if base.source == "hub":
        return ()
    return tuple(_file(path) for path in sorted(Path(base.location).glob("*.safetensors")))


def _adapter_file(entry: AdapterEntry) -> File:
    return _file(entry.folder / TENSORS)


def _file(path: Path) -> File:
    state = path.stat()
    return File(path.name, _digest(path, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
