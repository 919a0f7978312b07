"""Fitted files: tensors with their origin, refused for other weights than they were made for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.common.errors import InputError
from analysis.models import fitted
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapter_files import CONFIG
from analysis.models.bases import identity
from analysis.models.bases.identity import base_digest, kept_digest
from analysis.models.collection import AdapterEntry, Base
from analysis.models.fitted import (
    FittedFiles,
    Origin,
    origin_of,
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


BASE = Base("embedded")


def origin(entry: AdapterEntry, base: Base = BASE) -> Origin:
    return origin_of("fit toy", "ten questions (CC0)", base, (entry,))


def test_a_file_comes_back_as_it_was_written(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    read = FittedFiles(tmp_path, BASE, (entry,)).read(NAME)
    assert read is not None
    assert torch.equal(read.tensors["weights"], TENSORS["weights"])
    assert read.origin == origin(entry)
    assert [path.name for path in (tmp_path / "methods").iterdir()] == ["toy.safetensors"]


def test_a_file_that_is_not_there_is_none(tmp_path: Path, entry: AdapterEntry) -> None:
    assert FittedFiles(tmp_path, BASE, (entry,)).read(NAME) is None
    assert FittedFiles().read(NAME) is None


def test_another_base_is_refused_with_the_command(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry, Base("hub", "other/base", "0a")))
    with pytest.raises(InputError, match=r"other/base, not embedded .*make it anew with `fit toy`"):
        FittedFiles(tmp_path, BASE, (entry,)).read(NAME)
    other = FittedFiles(tmp_path, Base("hub", "other/base", "1b"))
    with pytest.raises(InputError, match=r"another base of this name, not other/base"):
        other.read(NAME)


def test_a_base_in_a_folder_is_known_by_its_content(tmp_path: Path) -> None:
    place = tmp_path / "one" / "base"
    tiny.model("llama").save_pretrained(place)
    own = base_digest(Base("folder", str(place)))
    moved = Path(shutil.copytree(place, tmp_path / "two" / "called-otherwise"))
    assert base_digest(Base("folder", str(moved))) == own
    weights = load_file(moved / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    save_file(weights | {name: -weights[name]}, moved / "model.safetensors", {"format": "pt"})
    trained = base_digest(Base("folder", str(moved)))
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert len({own, trained, base_digest(Base("folder", str(moved)))}) == 3
    for damaged in (b"", b"\xff" * 40, (2).to_bytes(8, "little") + b"[]"):
        (moved / "model.safetensors").write_bytes(damaged)
        assert base_digest(Base("folder", str(moved))) not in (own, trained)


def test_another_alpha_of_an_adapter_is_refused(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    config = json.loads((entry.folder / CONFIG).read_text())
    (entry.folder / CONFIG).write_text(json.dumps(config | {"lora_alpha": 3}))
    with pytest.raises(InputError, match="another adapter math"):
        FittedFiles(tmp_path, BASE, (entry,)).read(NAME)


def test_other_weights_of_an_adapter_are_refused(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    tiny.write_adapter(entry.folder, tiny.model("gemma3"), seed=2)
    with pytest.raises(InputError, match="another adapter math"):
        FittedFiles(tmp_path, BASE, (entry,)).read(NAME)


def test_an_adapter_that_is_not_loaded_has_no_part(tmp_path: Path, entry: AdapterEntry) -> None:
    write_fitted(tmp_path / NAME, TENSORS, origin(entry))
    tiny.write_adapter(entry.folder, tiny.model("gemma3"), seed=2)
    assert FittedFiles(tmp_path, BASE, ()).read(NAME) is not None


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
    facts = AdapterFacts((), FittedFiles(tmp_path, BASE, (entry,)))
    assert facts.fitted(NAME) is facts.fitted(NAME)


def test_a_full_disk_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = tmp_path / "lens.safetensors", Origin("fit toy", "none", "embedded")
    write_fitted(path, {"a": torch.ones(2)}, made)

    def fill(tensors: object, part: Path, metadata: object) -> None:
        part.write_bytes(b"half")
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(fitted, "save_file", fill)
    with pytest.raises(RuntimeError, match="os error 28"):
        write_fitted(path, {"a": torch.zeros(2)}, made)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert read_fitted(path).tensors["a"].tolist() == [1.0, 1.0]


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose every file counts as large, and a cache folder of its own."""
    monkeypatch.setattr(identity, "LARGE_BYTES", 0)
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "home"))
    place = tmp_path / "base"
    place.mkdir()
    return place


def test_a_base_is_known_by_each_number_and_by_its_tokenizer(large: Path) -> None:
    base = Base("folder", str(large))

    def digest(*changed: int) -> str:
        embed = torch.zeros(100_000)
        embed[list(changed)] = 1.0
        save_file({"embed": embed, "norm": torch.zeros(8)}, large / "model.safetensors")
        return base_digest(base)

    found = [digest(), digest(0), digest(49_999), digest(70_001), digest(99_999)]
    assert digest() == found[0]
    for name in ("tokenizer.json", "merges.txt", "chat_template.jinja", "spiece.model", "vocab.txt",
                 "tekken.json", "generation_config.json"):  # fmt: skip
        (large / name).write_text("{}")
        found.append(base_digest(base))
    (large / "tokenizer.json").write_text('{"version": 1}')
    found.append(base_digest(base))
    assert len(set(found)) == len(found) == 13
    (large / "README.md").write_text("of no number")
    assert base_digest(base) == found[-1]
    (large / "vocab.txt").unlink()
    os.mkfifo(large / "vocab.txt")
    assert base_digest(base) not in found  # and it did not wait for what never comes


def test_a_large_file_is_read_once_as_long_as_it_stays_the_same(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def digest(path: Path, told: object = None) -> str:
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(identity, "file_digest", digest)
    path = large / "model.safetensors"
    path.write_bytes(b"one")
    state = path.stat()
    first = kept_digest(path)
    assert kept_digest(path) == first == digest(path) and len(read) == 2
    # Other content of the same size, with the time of the old one.
    (large / "other").write_bytes(b"two")
    os.utime(large / "other", ns=(state.st_atime_ns, state.st_mtime_ns))
    (large / "other").replace(path)
    assert kept_digest(path) != first and len(read) == 3
    (note,) = (large.parent / "home" / "digests").iterdir()
    for damaged in ("", "[]", "{}"):
        note.write_text(damaged)
        kept_digest(path)
    assert len(read) == 6
    shutil.rmtree(note.parent)
    note.parent.write_text("no folder")  # as a cache that cannot be written
    assert kept_digest(path) == digest(path)


def test_the_reading_of_a_large_base_tells_how_far_it_is(large: Path) -> None:
    told: list[tuple[str, float]] = []

    def tell(what: str, share: float) -> None:
        told.append((what, share))

    (large / "config.json").write_text("{}")
    for number in range(2):
        with (large / f"model-{number}.safetensors").open("wb") as file:
            file.truncate(60_000_000)
    base = Base("folder", str(large))
    first = base_digest(base, tell)
    texts, shares = zip(*told, strict=True)
    assert texts[0].startswith("reading the base's files, once: 0.0 of 0.1 GB")
    assert texts[-1] == "reading the base's files, once: 0.1 of 0.1 GB" and shares[-1] == 1.0
    assert list(shares) == sorted(set(shares)) and 10 < len(shares) <= 20
    assert base_digest(base, tell) == first and len(told) == len(shares), "it is read once"
