"""Manifests: what they say, and what is wrong with those that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.measure.lens import LENSES
from analysis.models.base_model import load_base
from analysis.models.manifest import (
    Base,
    Collection,
    bundled_collections,
    choose_adapters,
    load_collection,
)
from tests import tiny

BASE = '[base]\nfolder = "base"\n'
PROMPT = '[prompt]\nform = "{query}"\n'
ADAPTER = '[[adapters]]\nname = "a"\nfolder = "a"\n'


def written(folder: Path, text: str, head: str = 'name = "mine"\n') -> Path:
    path = folder / "collection.toml"
    path.write_text(head + text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(
        tmp_path_factory.mktemp("tiny"), labels={"math": '<b>Math</b> "sum" \\ 数学'}
    )


def test_a_manifest_is_read_as_written(manifest: Path) -> None:
    collection = load_collection(manifest)
    assert (collection.name, collection.title, collection.lens) == (
        "tiny",
        "A tiny random model",
        "norm",
    )
    assert collection.names == ("spanish", "math", "code")
    assert [one.kind for one in collection.adapters] == ["language", "task", "task"]
    assert collection.adapters[1].label == '<b>Math</b> "sum" \\ 数学'
    assert collection.adapters[1].folder == manifest.parent / "adapters" / "math"
    assert collection.base.source == "folder"
    assert Path(collection.base.location) == manifest.parent / "base"
    assert collection.prompt is not None
    assert (collection.prompt.form, collection.prompt.stop) == (tiny.FORM, (tiny.STOP,))


def test_a_folder_and_a_path_name_the_same_collection(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_collection(manifest.parent) == load_collection(str(manifest))
    monkeypatch.chdir(manifest.parent)
    assert load_collection("collection.toml") == load_collection(manifest)


def test_a_collection_loads_with_progress(manifest: Path) -> None:
    told: list[tuple[str, float]] = []
    engine = Engine.load(load_collection(manifest), lambda what, share: told.append((what, share)))
    assert engine.adapters == ("spanish", "math", "code")
    assert engine.layers == tiny.LAYERS
    assert [what for what, _ in told if "adapter" in what] == [
        f"loading adapter {name}" for name in engine.adapters
    ]
    assert told[-1] == ("ready", 1.0)


def test_defaults_are_few(tmp_path: Path) -> None:
    collection = load_collection(written(tmp_path, BASE + ADAPTER))
    assert isinstance(collection, Collection)
    assert (collection.title, collection.lens, collection.prompt) == ("mine", "norm", None)
    (adapter,) = collection.adapters
    assert (adapter.label, adapter.kind, adapter.license) == ("a", "other", "")


def test_bases_of_every_source(tmp_path: Path) -> None:
    embedded = load_collection(written(tmp_path, "[base]\nembedded = true\n")).base
    assert embedded == Base("embedded")
    hub = load_collection(written(tmp_path, '[base]\nhub = "a/b"\nrevision = "c1"\n')).base
    assert (hub.source, hub.location, hub.revision, hub.title) == ("hub", "a/b", "c1", "a/b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[base", "not valid TOML"),
        ("", "lacks 'base'"),
        ("[base]\n", "[base] must have exactly one of embedded.*none"),
        ('[base]\nembedded = true\nfolder = "x"\n', "exactly one.*embedded and folder"),
        ('[base]\nembedded = "yes"\n', "[base] embedded = 'yes' is neither true nor false"),
        ('[base]\nhub = "a/b"\n', "'a/b' without a revision"),
        ('[base]\nhub = " "\nrevision = "c1"\n', "[base] hub = ' ' is blank"),
        ('[base]\nhub = "a/b"\nrevision = 3\n', "[base] revision = 3 is no text"),
        (BASE + 'revision = "c1"\n', "[base] revision = 'c1' belongs to a base from the hub"),
        ("[base]\nfolder = 3\n", "[base] folder = 3 is no text.*quotes"),
        ('[base]\nfolder = ""\n', "[base] folder = '' is blank"),
        (BASE + "license = []\n", "[base] license = [] is no text"),
        (BASE + 'foldr = "x"\n', "[base] 'foldr' is no field.*did you mean 'folder'"),
        ("base = 3\n", "[base] is 3, which is no table"),
        ('lenss = "raw"\n' + BASE, "'lenss' is no field.*did you mean 'lens'"),
        ("title = 3\n" + BASE, "title = 3 is no text"),
        ('title = " "\n' + BASE, "title = ' ' is blank"),
        ("lens = true\n" + BASE, "lens = True is no text"),
        ('adapters = "x"\n' + BASE, "adapters = 'x' is no list of tables.*[[adapters]]"),
        ("adapters = [3]\n" + BASE, "[[adapters]] 1: is 3, which is no table"),
        (BASE + '[[adapters]]\nname = "a"\n', "[[adapters]] 1: lacks 'folder'"),
        (BASE + ADAPTER + '[[adapters]]\nfolder = "a"\n', "[[adapters]] 2: lacks 'name'"),
        (BASE + ADAPTER + ADAPTER, "'a' twice"),
        (BASE + '[[adapters]]\nname = "a b"\nfolder = "a"\n', "'a b' cannot be used.*label"),
        (BASE + '[[adapters]]\nname = "<img>"\nfolder = "a"\n', "'<img>' cannot be used"),
        (BASE + '[[adapters]]\nname = ""\nfolder = "a"\n', "name = '' is blank"),
        (BASE + ADAPTER + 'kind = "tongue"\n', "'tongue'.*language, task, other"),
        (BASE + ADAPTER + "label = 3\n", "label = 3 is no text"),
        (BASE + ADAPTER + 'label = " \\t"\n', "label = ' \\t' is blank"),
        (BASE + ADAPTER + 'colour = "red"\n', "'colour' is no field.*leave it out"),
        (BASE + '[adapters]\nname = "a"\n', "adapters = {'name': 'a'} is no list of tables"),
        (BASE + "[prompt]\n", "[prompt] lacks 'form'"),
        (BASE + "[prompt]\nform = 3\n", "[prompt] form = 3 is no text"),
        (BASE + '[prompt]\nform = "User:"\n', "[prompt] .*'User:' must hold {query} exactly once"),
        (BASE + '[prompt]\nform = "{query}{query}"\n', "{query} exactly once"),
        (BASE + PROMPT + "stop = [3]\n", "[prompt] stop = [3] is no list of texts"),
        (BASE + PROMPT + "stop = 3\n", "[prompt] stop = 3 is no list of texts"),
        (
            BASE + PROMPT + 'stop = "\\nUser:"\n',
            "[prompt] stop = '\\nUser:' is no list: write stop = [\"\\nUser:\"]",
        ),
        (BASE + PROMPT + 'stop = ["a", ""]\n', "[prompt] stop = ['a', ''] holds an empty text"),
        (BASE + f'[prompt]\nform = "{"x" * 300}"\nstop = "{"y" * 300}"\n', "'yyy.*… is no list"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(InputError, match=pattern) as refusal:
        load_collection(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("head", ["", 'name = ""\n', "name = 3\n", 'name = " "\n'])
def test_a_manifest_needs_a_name(tmp_path: Path, head: str) -> None:
    with pytest.raises(InputError, match=r"lacks 'name'|name = .* is (blank|no text)"):
        load_collection(written(tmp_path, BASE, head))


def test_white_space_may_end_an_answer(tmp_path: Path) -> None:
    collection = load_collection(written(tmp_path, BASE + PROMPT + 'stop = ["\\n"]\n'))
    assert collection.prompt is not None and collection.prompt.stop == ("\n",)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "collection.toml"
    path.write_bytes(b'name = "\xff"\n')
    with pytest.raises(InputError, match="not valid TOML"):
        load_collection(path)


@pytest.mark.parametrize("name", ["nowhere", "../etc", "", "a\u0000b", "x" * 5000])
def test_a_collection_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no collection"):
        load_collection(name)


def test_a_base_that_is_not_there_or_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not there.*correct the manifest"):
        load_base(Base("folder", str(tmp_path / "base")))
    (tmp_path / "base").mkdir()
    with pytest.raises(InputError, match="cannot be loaded") as refusal:
        load_base(Base("folder", str(tmp_path / "base")))
    assert "\n" not in str(refusal.value)


def test_a_base_with_pickled_weights_only_is_refused(tmp_path: Path) -> None:
    tiny.tokenizer().save_pretrained(tmp_path)
    model = tiny.model("llama")
    model.config.save_pretrained(tmp_path)
    import torch

    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_base(Base("folder", str(tmp_path)))


def test_adapters_are_chosen_by_name() -> None:
    assert choose_adapters(None, ("a", "b")) == ("a", "b")
    assert choose_adapters(["b", "a"], ("a", "b")) == ("b", "a")
    for names, message in (
        ([], "at least one"),
        (["c"], "'c'.*a, b"),
        (["a", "a"], "'a' is named twice"),
    ):
        with pytest.raises(InputError, match=message):
            choose_adapters(names, ("a", "b"))


@pytest.mark.parametrize("name", bundled_collections())
def test_bundled_collections_are_sound(name: str) -> None:
    collection = load_collection(name)
    assert collection.name == name
    assert collection.lens in LENSES
    for adapter in collection.adapters:
        assert (adapter.folder / "adapter_model.safetensors").is_file()
        assert adapter.label and adapter.license and adapter.note
