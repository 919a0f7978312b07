"""Reading adapters, and refusing those that cannot be mixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel

from analysis.common.digests import file_digest
from analysis.common.progress import Progress
from analysis.common.texts.said import say
from analysis.models.adapter_files import CONFIG, TENSORS, adapter_folder
from analysis.models.collection import AdapterEntry
from analysis.models.factors import Factor, delta_norm
from analysis.models.peft_files.contents import Contents, read_contents
from analysis.models.peft_files.faults import refusal
from analysis.models.peft_files.reading import read_adapter

__all__ = ["Adapter", "Factor", "check_files", "delta_norm", "load_adapter", "load_adapters"]


_PLACE = "Its files lie in the subfolder"


@dataclass(frozen=True)
class Adapter:
    """An adapter that fits the base.

    Attributes:
        entry: Its place in the collection; its folder is the one that holds the files.
        factors: Module name in the base → factor.
        remarks: Sentences on what people should know of it.
        sha256: Digest of its weights' file as it was read; empty of one that no file holds.
        config_sha256: That of its configuration's file.
    """

    entry: AdapterEntry
    factors: Mapping[str, Factor]
    remarks: tuple[str, ...] = ()
    sha256: str = ""
    config_sha256: str = ""

    @property
    def name(self) -> str:
        """The adapter's name."""
        return self.entry.name


def check_files(entry: AdapterEntry) -> Contents:
    """Checks an adapter's files as far as that needs no base model.

    Raises:
        InputError: A file is missing or is not the manifest's, or is nothing that can be mixed.
    """
    contents = read_contents(entry.name, entry.folder)
    for name, named in ((TENSORS, entry.sha256), (CONFIG, entry.config_sha256)):
        if named and (found := file_digest(contents.path.with_name(name))) != named:
            raise refusal(
                entry.name,
                f"{name} has SHA-256 {found}, and the manifest names {named}: fetch the file "
                "again, or correct the manifest.",
            )
    return contents


def load_adapter(model: PreTrainedModel, entry: AdapterEntry) -> Adapter:
    """Reads one adapter and resolves it against the base; the base stays as it is.

    Raises:
        InputError: It is not there, damaged, unsafe, or nothing that can be mixed.
    """
    folder = adapter_folder(entry.folder)
    before = _states(folder)
    read = read_adapter(check_files(entry), model)
    digests = _digests(folder)
    # A training that goes on may save into the same folder.
    if _states(folder) != before:
        raise refusal(entry.name, "its files changed while they were read: give it again.")
    remarks = (*_place_remarks(entry, folder), *read.remarks)
    return Adapter(replace(entry, folder=folder), read.factors, remarks, *digests)


def load_adapters(
    model: PreTrainedModel,
    entries: Sequence[AdapterEntry],
    progress: Progress,
    loaded: Sequence[Adapter] = (),
) -> list[Adapter]:
    """Reads the adapters of a collection, and resolves them against the base.

    Args:
        model: The base.
        entries: The adapters.
        progress: Told how far the loading is.
        loaded: Adapters of the same base; one of the same content is not read again.

    Raises:
        InputError: As `load_adapter`.
    """
    # By what was read then: a training may have saved into the same folder since.
    here = {(one.sha256, one.config_sha256): one for one in loaded}
    adapters = []
    for index, entry in enumerate(entries):
        progress(say("loading adapter {name}", name=entry.name), index / len(entries))
        folder = adapter_folder(entry.folder)
        if here:
            check_files(entry)
        same = here.get(_digests(folder)) if here else None
        if same is None:
            adapters.append(load_adapter(model, entry))
        else:
            # The content is the same, and the place may be another.
            of_content = [one for one in same.remarks if not one.startswith(_PLACE)]
            remarks = (*_place_remarks(entry, folder), *of_content)
            adapters.append(replace(same, entry=replace(entry, folder=folder), remarks=remarks))
    return adapters


def _digests(folder: Path) -> tuple[str, str]:
    return file_digest(folder / TENSORS), file_digest(folder / CONFIG)


def _states(folder: Path) -> list[tuple[int, ...] | None]:
    """What changes with the contents of an adapter's files; None of one that is not there."""
    found: list[tuple[int, ...] | None] = []
    for name in (TENSORS, CONFIG):
        try:
            state = (folder / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return found


def _place_remarks(entry: AdapterEntry, folder: Path) -> tuple[str, ...]:
    of_hub = entry.hub.split("/")[2:]  # owner/name/subfolder
    inside = [folder.name] if folder.parent == entry.folder else of_hub
    return (f"{_PLACE} {inside[0]}.",) if inside else ()
