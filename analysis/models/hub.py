"""Files of the Hugging Face hub: fetched only for ids that a user wrote, and kept in its cache.

This is the only module that asks the hub for adapters. The token comes from the environment, as
huggingface_hub reads it; a revision is resolved to its commit, so that files cannot change later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, MOST_BYTES, TENSORS

_PART = r"[A-Za-z0-9][\w.-]{0,95}"
_ID = re.compile(f"{_PART}/{_PART}", re.ASCII)
_ADAPTER_ID = re.compile(f"({_PART}/{_PART})(?:/({_PART}))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BESIDE = ("README.md", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_T = TypeVar("_T")


@dataclass(frozen=True)
class HubFiles:
    """Files of a repository at a commit.

    Attributes:
        folder: Where they lie, in huggingface_hub's cache.
        revision: The commit.
        id: The hub id, with the subfolder where they lie in one.
    """

    folder: Path
    revision: str
    id: str


def is_hub_id(text: str) -> bool:
    """Whether a text is written as a hub id, `owner/name`."""
    return bool(_ID.fullmatch(text))


def is_adapter_id(text: str) -> bool:
    """Whether a text is written as an adapter's hub id, `owner/name` or `owner/name/subfolder`."""
    return bool(_ADAPTER_ID.fullmatch(text))


def commit_of(repository: str, revision: str | None = None) -> str:
    """The commit that a revision is now.

    Args:
        repository: The hub id.
        revision: A branch, a tag or a commit; the main branch by default.

    Raises:
        InputError: There is no such repository or revision, or the hub cannot be reached.
    """
    if revision and _COMMIT.fullmatch(revision):
        return revision
    return str(_info(repository, revision).sha)


def fetch_adapter(adapter: str, revision: str | None = None) -> HubFiles:
    """An adapter's files; those of a commit that are in the cache need no network.

    Args:
        adapter: The hub id, with or without the subfolder. Without it the repository's own files
            are meant, or those of the only subfolder that holds an adapter.
        revision: A branch, a tag or a commit; the main branch by default.

    Raises:
        InputError: There is no such repository or revision, it holds no adapter or several, its
            weights are too large, or the hub cannot be reached.
    """
    match = _ADAPTER_ID.fullmatch(adapter)
    assert match is not None
    repository, inside = match[1], match[2] or ""
    if revision and _COMMIT.fullmatch(revision) and (kept := _kept(repository, revision, inside)):
        return HubFiles(kept, revision, adapter)
    info = _info(repository, revision)
    commit = str(info.sha)
    sizes = {one.rfilename: one.size or 0 for one in info.siblings or ()}
    inside = _folder_of(adapter, inside, sizes)
    front = f"{inside}/" if inside else ""
    wanted = [front + name for name in (CONFIG, TENSORS, *_BESIDE) if front + name in sizes]
    if sum(sizes[name] for name in wanted) > MOST_BYTES:
        raise InputError(
            f"The hub's {adapter} has more than {MOST_BYTES // 2**30} GiB: name an adapter of a "
            "lower rank."
        )
    folder = _snapshot(repository, commit, wanted) / inside
    return HubFiles(folder, commit, f"{repository}/{inside}" if inside else repository)


def _folder_of(adapter: str, named: str, files: dict[str, int]) -> str:
    """The folder of a repository that holds the adapter; empty for the repository itself."""
    folders = {name.rpartition("/")[0] for name in files if name.count("/") <= 1}
    folders = {folder for folder in folders if not folder or re.fullmatch(_PART, folder, re.ASCII)}
    holding = {
        folder
        for folder in folders
        if {f"{folder}/{name}".lstrip("/") for name in (CONFIG, TENSORS)} <= files.keys()
    }
    if named in holding:
        return named
    if named or not holding:
        raise InputError(
            f"The hub's {adapter} holds no adapter for PEFT ({CONFIG} and {TENSORS}): name one "
            "that does."
        )
    if len(holding) > 1:
        raise InputError(
            f"The hub's {adapter} holds {len(holding)} adapters in subfolders: name one of them, "
            f"such as {adapter}/{min(holding)}."
        )
    return holding.pop()


def _kept(repository: str, commit: str, inside: str) -> Path | None:
    """The folder of an adapter in the cache; None where its files are not there."""
    from huggingface_hub import try_to_load_from_cache

    found = [
        try_to_load_from_cache(repository, f"{inside}/{name}".lstrip("/"), revision=commit)
        for name in (CONFIG, TENSORS)
    ]
    return Path(found[0]).parent if all(isinstance(one, str) for one in found) else None  # type: ignore[arg-type]


def _info(repository: str, revision: str | None) -> Any:
    from huggingface_hub import model_info

    return _asked(
        repository, revision, lambda: model_info(repository, revision=revision, files_metadata=True)
    )


def _snapshot(repository: str, commit: str, wanted: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        _asked(
            repository,
            commit,
            lambda: snapshot_download(repository, revision=commit, allow_patterns=wanted),
        )
    )


def _asked(repository: str, revision: str | None, ask: Callable[[], _T]) -> _T:
    """Asks the hub; its errors become one line with a remedy."""
    from huggingface_hub import errors

    place = f"{repository}@{revision}" if revision else repository
    try:
        return ask()
    except errors.GatedRepoError as error:
        raise InputError(
            f"The hub's {repository} is gated: accept its terms there, and set HF_TOKEN."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise InputError(
            f"The hub has no {repository}, or it is private: correct the id, or set HF_TOKEN; a "
            "folder is named by its path, such as ./adapter."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"The hub has no {place}: name a branch, tag or commit of it.") from error
    # Errors of the connection are of the HTTP library's types, which change with its version.
    except Exception as error:
        raise InputError(
            f"The hub cannot be asked for {place} ({type(error).__name__}): check the network, or "
            "give a folder."
        ) from error
