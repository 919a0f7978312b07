"""Provenance: the parts of a run, so that it can be made again and differences are noticed."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from analysis.common.digests import file_digest
from analysis.models.adapter_files import CONFIG, TENSORS, adapter_folder
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_base
from analysis.models.bases.identity import kept_digest
from analysis.models.bases.prepared_files import changed_files
from analysis.models.collection import AdapterEntry, Collection
from analysis.models.manifest import COLLECTIONS

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
class AdapterFile(File):
    """An adapter's weights, and the digest of the configuration that scales them.

    Attributes:
        config_sha256: The digest of its configuration's bytes; empty in records of an earlier
            version.
    """

    config_sha256: str = ""


@dataclass(frozen=True)
class Computation:
    """The precision and the device of a run.

    Attributes:
        dtype: Precision of the base model, such as `float32`.
        device: Kind of the device, such as `cpu`.
    """

    dtype: str
    device: str


@dataclass(frozen=True)
class Provenance:
    """The parts that a run was made with.

    Attributes:
        manifest: The argument for `load_collection`: the name of a bundled collection, or the file
            name of another manifest.
        bundled: Whether the manifest ships with the product, with the very adapters that it names.
        base: The base: the hub id, the folder's name, or the bundled base.
        revision: The hub revision; None elsewhere.
        base_files: The base's weights; none where a revision says it all. For the embedded base
            the file that it is made from, or the files that were changed since.
        adapters: Each adapter's files, in the collection's order.
        versions: Versions of this product, of Python and of the libraries that compute, by name.
        computation: Precision and device; None where no model is loaded.
    """

    manifest: str
    bundled: bool
    base: str
    revision: str | None
    base_files: tuple[File, ...]
    adapters: tuple[AdapterFile, ...]
    versions: dict[str, str]
    computation: Computation | None = None


def provenance(
    collection: Collection,
    computation: Computation | None = None,
    loaded: Mapping[str, tuple[str, str]] | None = None,
) -> Provenance:
    """The parts of a run of a collection; reads each file once a process.

    Args:
        collection: The collection.
        computation: Precision and device of the run.
        loaded: Digests of weights and configuration of the adapters that ran, by name: a training
            may have saved into their folders since.
    """
    known = loaded or {}
    adapters = tuple(
        AdapterFile(TENSORS, *known[entry.name]) if entry.name in known else _adapter_file(entry)
        for entry in collection.adapters
    )
    bundled = collection.folder.parent == COLLECTIONS and all(
        (file.sha256, file.config_sha256) == (entry.sha256, entry.config_sha256)
        for file, entry in zip(adapters, collection.adapters, strict=True)
    )
    base = collection.base
    return Provenance(
        manifest=collection.folder.name if bundled else "collection.toml",
        bundled=bundled,
        base=base.name,
        revision=base.revision,
        base_files=_base_files(collection),
        adapters=adapters,
        versions=versions(),
        computation=computation,
    )


def versions() -> dict[str, str]:
    """Versions of this product, of Python and of the libraries that compute."""
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
        # The first page need not wait for its imports.
        from analysis.models.bases.bundled_base import prepared_folder

        name = base.location or DEFAULT_BASE
        folder, shipped = prepared_folder(name), bundled_base(name)
        paths = [folder / name for name in changed_files(folder)]
        changed = tuple(_file(path) for path in paths if path.is_file())
        return changed or (File(f"{shipped.file}.gguf", shipped.sha256),)
    if base.source == "hub":
        return ()
    return tuple(_file(path) for path in sorted(Path(base.location).glob("*.safetensors")))


def _adapter_file(entry: AdapterEntry) -> AdapterFile:
    folder = adapter_folder(entry.folder)
    return AdapterFile(TENSORS, file_digest(folder / TENSORS), file_digest(folder / CONFIG))


def _file(path: Path) -> File:
    return File(path.name, kept_digest(path))
