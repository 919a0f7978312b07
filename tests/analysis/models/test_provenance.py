import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from analysis.models.bundled_base import GEMMA
from analysis.models.manifest import Base, Collection, load_collection
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
    weights = tmp_path / "adapters" / "math" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert provenance(collection).adapters[0] != before


def test_bundled_collections_are_named_and_their_base_is_known() -> None:
    found = provenance(load_collection())
    assert (found.base, found.bundled, found.manifest) == ("embedded", True, "gemma-3-270m")
    assert found.base_files[0].sha256 == GEMMA.sha256
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


def test_a_hub_base_is_known_by_its_revision() -> None:
    found = provenance(Collection("x", "X", Base("hub", "org/name", "abc"), (), None))
    assert (found.base, found.revision, found.base_files) == ("org/name", "abc", ())


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions()["fusion-lens"] == project["version"]
