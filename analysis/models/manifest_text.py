"""Writing a collection as a manifest, which `load_collection` reads back."""

from __future__ import annotations

import json
import os
from pathlib import Path

from analysis.common.errors import InputError
from analysis.models.collection import AdapterEntry, Base, Collection


def save_manifest(collection: Collection, path: Path, *, write: bool = True) -> None:
    """Writes the manifest of a collection.

    A file that says the very same stays as it is, so that a command can be given again.

    Args:
        collection: The collection.
        path: The file, whose name ends in `.toml`.
        write: Whether to write it; without, the path is checked alone.

    Raises:
        InputError: Something else is there already, or it cannot be written.
    """
    if path.suffix != ".toml":
        raise InputError(f"{path} is no name for a manifest: name a file that ends in .toml.")
    text = manifest_text(collection).encode()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if path.exists():
            if path.is_file() and path.read_bytes() == text:
                return
            raise InputError(f"{path} is there already: name a new file, or remove it.")
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all: another process may look at it now.
            part.write_bytes(text)
            part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): name another place."
        ) from error


def manifest_text(collection: Collection) -> str:
    """The manifest of a collection, with folders as absolute paths."""
    lines = [
        _field("name", collection.name),
        _field("title", collection.title),
        _field("lens", collection.lens),
        _field("position", collection.position),
        _field("normalisation", collection.normalisation),
    ]
    lines += ["quiet = true"] if collection.quiet else []
    lines += ["", "[base]", *_base(collection.base)]
    if collection.prompt is not None:
        stop = ", ".join(map(_text, collection.prompt.stop))
        lines += ["", "[prompt]", _field("form", collection.prompt.form), f"stop = [{stop}]"]
    for entry in collection.adapters:
        lines += ["", "[[adapters]]", *_adapter(entry)]
    return "\n".join(lines) + "\n"


def _base(base: Base) -> list[str]:
    if base.source == "embedded":
        lines = [_field("embedded", base.location) if base.location else "embedded = true"]
    elif base.source == "folder":
        lines = [_field("folder", str(Path(base.location).resolve()))]
    else:
        lines = [_field("hub", base.location), _field("revision", base.revision or "main")]
    return lines + ([_field("license", base.license)] if base.license else [])


def _adapter(entry: AdapterEntry) -> list[str]:
    lines = [
        _field("name", entry.name),
        _field("label", entry.label),
        _field("kind", entry.kind),
        _field("tag", entry.tag or entry.name),
    ]
    if entry.hub:
        lines += [_field("hub", entry.hub), _field("revision", entry.revision)]
    else:
        lines.append(_field("folder", str(entry.folder.resolve())))
    for key, value in (
        ("sha256", entry.sha256), ("config_sha256", entry.config_sha256),
        ("license", entry.license), ("note", entry.note)
    ):  # fmt: skip
        lines += [_field(key, value)] if value else []
    return lines


def _field(key: str, value: str) -> str:
    return f"{key} = {_text(value)}"


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's; only DEL is written otherwise."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
