"""Fitted files: tensors with their origin, refused for other weights than they were made for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.common.errors import InputError
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.collection import AdapterEntry
from analysis.models.fitted import (
    FittedFiles,
    Origin,
    adapter_digest,
    read_fitted,
    write_fitted,
)
from tests import tiny

NAME = "methods/toy.safetensors"
TENSORS = {"weights": torch.tensor([[0.25, 0.75]], dtype=torch.float64)}


@pytest.fixture
def entry(tmp_path: Path) -> AdapterEntry:
    folder = tiny.write_adapter(tmp_path / "math", tiny.model("gemma3"), seed=1)
    return AdapterEntry("math", "math", "task", folder)


def origin(entry: AdapterEntry, base: str = "embedded") -> Origin:
    return Origin("fit toy", "ten questions (CC0)", base, {entry.name: adapter_digest(entry)})


def test_a_file_comes_back_as_it_was_written(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    read = FittedFiles(tmp_path, "embedded", (entry,)).read(NAME)
    assert read is not None
    assert torch.equal(read.tensors["weights"], TENSORS["weights"])
    assert read.origin == origin(entry)
    assert [path.name for path in (tmp_path / "methods").iterdir()] == ["toy.safetensors"]


def test_a_file_that_is_not_there_is_none(tmp_path: Path, entry: AdapterEntry) -> None:
    assert FittedFiles(tmp_path, "embedded", (entry,)).read(NAME) is None
    assert FittedFiles().read(NAME) is None


def test_another_base_is_refused_with_the_command(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry, "other/base"))
    with pytest.raises(InputError, match=r"other/base, not embedded: make it anew with `fit toy`"):
        FittedFiles(tmp_path, "embedded", (entry,)).read(NAME)


def test_other_weights_of_an_adapter_are_refused(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    tiny.write_adapter(entry.folder, tiny.model("gemma3"), seed=2)
    with pytest.raises(InputError, match="another adapter math"):
        FittedFiles(tmp_path, "embedded", (entry,)).read(NAME)


def test_an_adapter_that_is_not_loaded_has_no_part(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    tiny.write_adapter(entry.folder, tiny.model("gemma3"), seed=2)
    assert FittedFiles(tmp_path, "embedded", ()).read(NAME) is not None


@pytest.mark.parametrize("note", [None, "{", json.dumps({"command": "x"}), "[]", '"x"'])
def test_a_file_without_an_origin_is_refused(tmp_path: Path, note: str | None) -> None:
    path = tmp_path / "toy.safetensors"
    save_file(TENSORS, path, metadata=None if note is None else {"fusion_lens": note})
    with pytest.raises(InputError, match="does not say how it was made"):
        read_fitted(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    path.write_bytes(b"\x00" * 40)
    with pytest.raises(InputError, match="cannot be read"):
        read_fitted(path)


def test_facts_read_a_file_once(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    facts = AdapterFacts((), FittedFiles(tmp_path, "embedded", (entry,)))
    assert facts.fitted(NAME) is facts.fitted(NAME)
