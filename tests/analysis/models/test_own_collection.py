"""A base and adapters of one's own, named on the command line; the hub is a fake."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors
from huggingface_hub.errors import HTTPError

from analysis.__main__ import main
from analysis.commands import add_collection, collection_named
from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry, Base, Collection
from analysis.models.manifest import load_collection
from analysis.models.manifest_text import manifest_text, save_manifest
from analysis.models.own_collection import (
    Named,
    adapter_entry,
    base_named,
    collection_of,
    content_digest,
    of_choice,
    with_entries,
)
from tests import tiny

COMMIT = "0a" * 20


class ConnectError(HTTPError):
    """As the HTTP library raises it without a network; no error of the hub's own."""


class ReadTimeout(HTTPError):
    """As the HTTP library raises it where the hub is slow."""


QUERY = "Say hello."


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base and two adapters, and a manifest that is not used."""
    return tiny.tiny_collection(tmp_path_factory.mktemp("own"), ("spanish", "math")).parent


class Hub:
    """The hub at the boundary of its functions: one repository, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str | None]] = []
        self.error: Exception | None = None

    def model_info(self, repository: str, *, revision: str | None, files_metadata: bool) -> Any:
        self.asked.append((repository, revision))
        if self.error is not None:
            raise self.error
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        siblings = [
            SimpleNamespace(rfilename=str(path.relative_to(self.folder)), size=path.stat().st_size)
            for path in files
        ]
        return SimpleNamespace(sha=COMMIT, siblings=siblings)

    def snapshot_download(self, repository: str, *, revision: str, **named: Any) -> str:
        self.asked.append((repository, revision))
        self.patterns = named["allow_patterns"]
        return str(self.folder)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> Hub:
    found = Hub(tiny_folder / "adapters" / "math")
    monkeypatch.setattr(huggingface_hub, "model_info", found.model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    return found


def test_a_base_and_adapters_in_folders_need_no_manifest(tiny_folder: Path) -> None:
    own = tiny_folder / "adapters"
    named = Named(
        base=str(tiny_folder / "base"), adapters=(f"es={own / 'spanish'}", str(own / "math"))
    )
    collection = collection_of(named)
    assert collection.base == Base("folder", str((tiny_folder / "base").resolve()))
    assert collection.names == ("es", "math")
    assert [(one.kind, one.tag, one.label) for one in collection.adapters] == [
        ("language", "es", "es"),
        ("task", "math", "math"),
    ]
    assert (collection.prompt, collection.lens, collection.quiet) == (None, "norm", False)
    assert not collection.manifest.exists() and collection.title == "base"


def test_adapters_are_added_to_a_collection(tiny_folder: Path) -> None:
    manifest = str(tiny_folder / "collection.toml")
    path = str(tiny_folder / "adapters" / "math")
    collection = collection_of(Named(manifest, adapters=(f"mine={path}",)))
    assert collection.names == ("spanish", "math", "mine")
    plain = collection_of(Named(manifest))
    assert collection.prompt == plain.prompt is not None
    assert collection.manifest == plain.manifest  # its examples and its lenses' matrices
    with pytest.raises(InputError, match=r"Two adapters are called 'math'.*other=PLACE"):
        collection_of(Named(manifest, adapters=(f"math={path}",)))


def test_a_collection_with_other_adapters_has_a_name_and_a_title_of_its_own(
    tiny_folder: Path, tmp_path: Path
) -> None:
    manifest, own = str(tiny_folder / "collection.toml"), tiny_folder / "adapters"
    plain = collection_of(Named(manifest))
    assert (plain.name, plain.title) == ("tiny", "A tiny random model")
    one = collection_of(Named(manifest, adapters=(f"mine={own / 'math'}",)))
    assert re.fullmatch(r"tiny\.own-[0-9a-f]{8}", one.name)
    assert one.title == "A tiny random model — spanish, math, mine"
    # Known by content: the same files elsewhere are the same, other files of this name are not.
    elsewhere = shutil.copytree(own / "math", tmp_path / "elsewhere")
    assert collection_of(Named(manifest, adapters=(f"mine={elsewhere}",))).name == one.name
    other = collection_of(Named(manifest, adapters=(f"mine={own / 'spanish'}",)))
    assert other.name != one.name
    # A manifest that was saved keeps the name, and one adapter more gives another.
    save_manifest(one, tmp_path / "own.toml")
    again = load_collection(tmp_path / "own.toml")
    assert (again.name, again.title) == (one.name, one.title)
    more = collection_of(Named(str(tmp_path / "own.toml"), adapters=(str(elsewhere),)))
    assert re.fullmatch(r"tiny\.own-[0-9a-f]{8}", more.name) and more.name != one.name
    assert more.title == "A tiny random model — spanish, math, mine, elsewhere"
    named = [adapter_entry(f"a{number}={elsewhere}") for number in range(7)]
    assert of_choice(with_entries(plain, named)).title == "A tiny random model — 9 adapters"
    # The way to it does not matter: a base of one's own, or a manifest and one adapter more.
    whole, part = (
        collection_of(Named(base=str(tiny_folder / "base"), adapters=tuple(map(str, given))))
        for given in ((own / "spanish", own / "math"), (own / "spanish",))
    )
    assert of_choice(with_entries(part, [adapter_entry(str(own / "math"))])).name == whole.name


def test_bundled_bases_are_named(tiny_folder: Path) -> None:
    assert base_named("gemma-3-270m") == Base("embedded", license="Gemma Terms of Use")
    assert base_named("smollm2-135m").location == "smollm2-135m"


def test_a_hub_id_is_fetched_at_a_commit(fake: Hub) -> None:
    entry = adapter_entry("mine=owner/name@v1")
    assert (entry.name, entry.hub, entry.revision) == ("mine", "owner/name", COMMIT)
    assert fake.asked == [("owner/name", "v1"), ("owner/name", COMMIT)]
    assert {CONFIG, TENSORS} <= set(fake.patterns)
    assert adapter_entry("owner/some.adapter").name == "some.adapter"
    assert base_named("owner/base") == Base("hub", "owner/base", COMMIT)
    assert base_named(f"owner/base@{'1b' * 20}") == Base("hub", "owner/base", "1b" * 20)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.OfflineModeIsEnabled("off"), "cannot be asked.*network, or give a folder"),
        (OSError("no route"), "cannot be asked for owner/name@v1"),
        (
            ConnectError("no route\nto the host"),
            r"cannot be asked for owner/name@v1 \(Conn.*folder",
        ),
        (ReadTimeout("late"), r"cannot be asked for owner/name@v1 \(ReadTimeout\)"),
        (errors.HFValidationError("bad"), "The hub has no owner/name.*HF_TOKEN.*./adapter"),
    ],
)
def test_an_error_of_the_hub_is_one_line(fake: Hub, error: Exception, message: str) -> None:
    fake.error = error
    with pytest.raises(InputError, match=message) as refusal:
        adapter_entry("mine=owner/name@v1")
    assert "\n" not in str(refusal.value)


def test_a_repository_without_an_adapter_is_refused(
    fake: Hub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.folder = tiny_folder / "base"
    with pytest.raises(InputError, match=r"holds no adapter for PEFT"):
        adapter_entry("owner/name")
    fake.folder = tiny_folder / "adapters" / "math"
    monkeypatch.setattr("analysis.models.hub.MOST_BYTES", 10)
    with pytest.raises(InputError, match=r"more than .* GiB"):
        adapter_entry("owner/name")


def repository(folder: Path, adapter: Path, *places: str) -> Path:
    """A repository with copies of an adapter in some of its folders."""
    for place in places:
        shutil.copytree(adapter, folder / place, dirs_exist_ok=True)
    return folder


def test_the_checkpoints_of_an_adapter_are_not_fetched(fake: Hub, tmp_path: Path) -> None:
    fake.folder = repository(tmp_path / "hub", fake.folder, ".", "checkpoint-10", "checkpoint-20")
    entry = adapter_entry("owner/name")
    assert (entry.folder, entry.hub) == (fake.folder, "owner/name")
    assert not [name for name in fake.patterns if "/" in name] and TENSORS in fake.patterns


def test_an_adapter_in_a_subfolder_is_found_or_named(fake: Hub, tmp_path: Path) -> None:
    adapter = fake.folder
    fake.folder = repository(tmp_path / "hub", adapter, "named", "deep/inside")
    (fake.folder / f"my_{CONFIG}").touch()
    (fake.folder / f"my_{TENSORS}").touch()
    entry = adapter_entry("owner/name")
    assert (entry.folder, entry.hub) == (fake.folder / "named", "owner/name/named")
    assert {f"named/{name}" for name in (CONFIG, TENSORS)} <= set(fake.patterns)
    assert all(one.startswith("named/") for one in fake.patterns)
    remarks = load_adapter(tiny.model("gemma3"), entry).remarks
    assert remarks[0] == "Its files lie in the subfolder named."
    repository(fake.folder, adapter, "second")
    with pytest.raises(InputError, match=r"2 adapters in subfolders.*such as owner/name/named"):
        adapter_entry("owner/name")
    entry = adapter_entry("owner/name/second@v1")
    assert (entry.name, entry.folder) == ("second", fake.folder / "second")
    with pytest.raises(InputError, match=r"owner/name/third holds no adapter"):
        adapter_entry("owner/name/third")


@pytest.mark.parametrize("inside", ["", "named"])
def test_a_commit_in_the_cache_needs_no_network(
    fake: Hub, tmp_path: Path, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--owner--name" / "snapshots" / COMMIT
    repository(snapshot, fake.folder, inside)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    fake.error = ConnectError("no route")
    place = f"owner/name/{inside}".rstrip("/")
    entry = adapter_entry(f"mine={place}@{COMMIT}")
    assert (entry.folder, entry.hub, entry.revision) == (snapshot / inside, place, COMMIT)
    assert fake.asked == []
    (snapshot / inside / TENSORS).unlink()
    with pytest.raises(InputError, match="check the network"):
        adapter_entry(f"mine={place}@{COMMIT}")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (Named(base="./nowhere"), "There is no base './nowhere'.*hub id.*gemma-3-270m"),
        (Named(adapters=("x=./nowhere",)), "There is no adapter './nowhere'.*save_pretrained"),
        (Named(adapters=("a b=./nowhere",)), "name 'a b' cannot be used"),
        (Named("tiny", base="gemma-3-270m"), "leave out --base"),
        (Named(base="x" * 300), "There is no base 'xxx"),
        (Named(adapters=("x" * 300,)), "There is no adapter 'xxx"),
        (Named(adapters=("math=" + "x" * 300,)), "There is no adapter 'xxx"),
        (Named(adapters=("math=",)), "'math=' names no adapter: write a folder"),
        (Named(adapters=("",)), "'' names no adapter"),
        (Named(adapters=("a b=" + "x" * 300,)), "name 'a b' cannot be used"),
    ],
)
def test_what_is_not_there_is_named_without_asking_the_hub(
    named: Named, message: str, fake: Hub
) -> None:
    with pytest.raises(InputError, match=message):
        collection_of(named)
    assert fake.asked == []


def test_a_saved_manifest_is_the_same_collection(tiny_folder: Path, tmp_path: Path) -> None:
    own = tiny_folder / "adapters"
    adapters = (f"es={own / 'spanish'}", f"math={own / 'math'}")
    for named in (
        Named(base=str(tiny_folder / "base"), adapters=adapters),
        Named(str(tiny_folder / "collection.toml")),
        Named(base="smollm2-135m", adapters=adapters),
    ):
        collection = collection_of(named)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.toml"
        save_manifest(collection, path)
        again = load_collection(path)
        assert manifest_text(again) == manifest_text(collection)
        assert again.base.name == collection.base.name
        assert again.prompt == collection.prompt
    save_manifest(collection, path)  # the same once more changes nothing
    with pytest.raises(InputError, match="is there already"):
        save_manifest(replace(collection, title="another"), path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0.toml", "1.toml", "2.toml"]
    with pytest.raises(InputError, match=r"ends in \.toml"):
        save_manifest(collection, tmp_path / "x.json")


def test_a_hub_adapter_in_a_manifest_keeps_its_commit(fake: Hub, tmp_path: Path) -> None:
    hostile = AdapterEntry(
        "mine", 'A "label"\n\x7f\\', "other", fake.folder, hub="owner/name", revision=COMMIT,
        sha256="0" * 64, config_sha256="1" * 64,
    )  # fmt: skip
    collection = collection_of(Named(base="owner/base"))
    save_manifest(replace(collection, adapters=(hostile,)), tmp_path / "m.toml")
    (entry,) = load_collection(tmp_path / "m.toml").adapters
    assert (entry.hub, entry.revision, entry.label) == ("owner/name", COMMIT, hostile.label)
    assert (entry.sha256, entry.config_sha256) == ("0" * 64, "1" * 64)
    (tmp_path / "m.toml").write_text(
        (tmp_path / "m.toml").read_text().replace(f'revision = "{COMMIT}"\n', "")
    )
    with pytest.raises(InputError, match="without a revision"):
        load_collection(tmp_path / "m.toml")


def test_a_hub_base_in_a_manifest_is_that_of_a_commit(fake: Hub, tmp_path: Path) -> None:
    path = tmp_path / "collection.toml"
    path.write_text('name = "mine"\n[base]\nhub = "owner/base"\nrevision = "main"\n')
    assert load_collection(path).base == Base("hub", "owner/base", COMMIT)
    assert fake.asked == [("owner/base", "main")]
    # A commit needs no network.
    path.write_text(path.read_text().replace("main", "1b" * 20))
    fake.error = ConnectError("no route")
    assert load_collection(path).base.revision == "1b" * 20
    path.write_text(path.read_text().replace("1b" * 20, "v1"))
    with pytest.raises(InputError, match=r"owner/base@v1.*check the network"):
        load_collection(path)


def test_a_digest_is_of_weights_and_configuration(tiny_folder: Path, tmp_path: Path) -> None:
    math = adapter_entry(str(tiny_folder / "adapters" / "math"))
    copy = Path(shutil.copytree(math.folder, tmp_path / "copy"))
    assert content_digest(adapter_entry(f"other={copy}")) == content_digest(math)
    config = json.loads((copy / CONFIG).read_text())
    (copy / CONFIG).write_text(json.dumps({**config, "lora_alpha": 1}))
    assert content_digest(adapter_entry(f"math={copy}")) != content_digest(math)


def test_commands_take_a_base_and_adapters(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["trace", QUERY, "--base", str(tiny_folder / "base"), "--device", "cpu", "--json"]
    for name in ("spanish", "math"):
        given += ["--adapter", f"{name}={tiny_folder / 'adapters' / name}"]
    assert main([*given, "--save", str(tmp_path / "own.toml")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["adapters"] == ["spanish", "math"]
    # The tokenizer has no chat template, and nothing stands in for it.
    assert found["frame"] == "plain"
    assert main(["trace", QUERY, "--collection", str(tmp_path / "own.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == found["weights"]


def test_only_the_first_process_saves_and_only_what_can_be_used(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, saved = tiny_folder / "adapters", tmp_path / "own.toml"

    def read(*adapters: Path) -> Collection:
        given = ["--base", str(tiny_folder / "base"), "--save", str(saved)]
        for adapter in adapters:
            given += ["--adapter", str(adapter)]
        parser = argparse.ArgumentParser()
        add_collection(parser)
        return collection_named(parser.parse_args(given))

    bad = Path(shutil.copytree(own / "math", tmp_path / "bad"))
    (bad / CONFIG).write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read(own / "spanish", bad)
    monkeypatch.setenv("RANK", "1")
    assert read(own / "math").manifest == saved
    assert not saved.exists()
    monkeypatch.setenv("RANK", "0")
    for _ in range(2):
        read(own / "math")
    assert load_collection(saved).names == ("math",)
    monkeypatch.setenv("RANK", "1")
    read(own / "math")
    with pytest.raises(InputError, match="is there already"):
        read(own / "spanish")


def test_collections_of_the_same_names_have_their_own_name_in_links(
    tiny_folder: Path, tmp_path: Path
) -> None:
    base, own = tiny_folder / "base", tiny_folder / "adapters"
    first, again, other = (
        collection_of(Named(base=str(base), adapters=(f"math={own / name}",)))
        for name in ("math", "math", "spanish")
    )
    assert first.name == again.name != other.name
    assert first.name.startswith("base.own-") and first.title == other.title == "base"
    save_manifest(first, tmp_path / "own.toml")
    assert load_collection(tmp_path / "own.toml").name == first.name


def test_what_is_learnt_has_a_place_by_content(tiny_folder: Path, tmp_path: Path) -> None:
    def place(base: Path, adapter: Path) -> Path:
        return collection_of(Named(base=str(base), adapters=(f"math={adapter}",))).folder

    base, math = tiny_folder / "base", tiny_folder / "adapters" / "math"
    own = place(base, math)
    copies = [shutil.copytree(one, tmp_path / one.name) for one in (base, math)]
    assert place(*copies) == own
    tiny.write_adapter(copies[1], tiny.model("gemma3"), seed=9)
    assert place(*copies) != own
    (copies[0] / "config.json").write_text("{}")
    assert place(copies[0], math) != own
    (copies[1] / TENSORS).unlink()
    os.mkfifo(copies[1] / TENSORS)
    assert place(base, copies[1]) != own  # and it did not wait for what never comes


def test_a_place_may_begin_with_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tiny.write_adapter(tmp_path / "mine", tiny.model("llama"))
    for text in ("~/mine", "other=~/mine"):
        assert adapter_entry(text).folder == folder.resolve()
    assert base_named("~/mine").location == str(folder.resolve())
    with pytest.raises(InputError, match="There is no adapter '~nobody-here/mine'"):
        adapter_entry("~nobody-here/mine")
