"""Methods of the field that are not here, from `assets/methods_not_here.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from analysis.common.errors import InputError
from analysis.models.manifest_table import ManifestTable

FILE = Path(__file__).resolve().parents[2] / "assets" / "methods_not_here.toml"

_FIELDS = ("name", "paper", "summary", "needs", "why")
_PAPER = re.compile(r"arXiv \d{4}\.\d{5}", re.ASCII)
_ENTRY = re.compile(r"\s*\[\[\s*method\s*\]\]", re.ASCII)


@dataclass(frozen=True)
class AbsentMethod:
    """A method of the field that is not here.

    Attributes:
        name: Its name.
        paper: Its paper, as `arXiv 2404.13628`; "" where it has no number here.
        summary: One sentence about it.
        needs: The data or training that it needs.
        why: Why it is not here.
    """

    name: str
    paper: str
    summary: str
    needs: str
    why: str

    @property
    def written_name(self) -> str:
        """The name as a request would write it, such as `core-space`."""
        return self.name.lower().replace(" ", "-")

    @property
    def answer(self) -> str:
        """What a request for the method is told."""
        needs = "" if self.needs == "nothing" else f"It needs {_begun_small(self.needs)} "
        return f"{self.name} is not here. {needs}{self.why}"


def _begun_small(sentence: str) -> str:
    return f"{sentence[0].lower()}{sentence[1:]}"


def absent_methods(path: Path = FILE) -> tuple[AbsentMethod, ...]:
    """The methods of a file.

    Raises:
        InputError: The file cannot be used; the message names it and the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): correct it.") from error
    entries = ManifestTable(path, "", content, ("method",)).tables("method", _FIELDS)
    lines = [at for at, line in enumerate(text.split("\n"), start=1) if _ENTRY.match(line)]
    found: dict[str, AbsentMethod] = {}
    for entry, line in zip(entries, lines, strict=True):
        try:
            method = _method(entry)
            if method.name in found:
                raise entry.error(f"has name = {method.name!r} for a second time: name it once")
        except InputError as error:
            raise InputError(str(error).replace(f"{path}:", f"{path}, line {line}:", 1)) from error
        found[method.name] = method
    return tuple(found.values())


def _method(entry: ManifestTable) -> AbsentMethod:
    method = AbsentMethod(*(entry.text(field, empty=field == "paper") for field in _FIELDS))
    if method.paper and not _PAPER.fullmatch(method.paper):
        raise entry.error(
            f'has paper = {method.paper!r}: write paper = "arXiv 2404.13628", or "" without one'
        )
    return method
