"""Manifests: what they say, and what is wrong with those that cannot be used."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.measure.lenses import lenses
from analysis.models.bases.base_model import load_base
from analysis.models.collection import Base, Collection
from analysis.models.manifest import bundled_collections, choose_adapters, load_collection
from tests import tiny

BASE = '[base]\nfolder = "base"\n'
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
    named = load_collection(written(tmp_path, '[base]\nembedded = "gemma-3-270m"\n')).base
    assert named == embedded and named.name == "embedded"
    other = load_collection(written(tmp_path, '[base]\nembedded = "smollm2-135m"\n')).base
    assert other == Base("embedded", "smollm2-135m") and other.name == "smollm2-135m"
    commit = "c1" * 20
    text = f'[base]\nhub = "a/b"\nrevision = "{commit}"\n'
    hub = load_collection(written(tmp_path, text)).base
    assert (hub.source, hub.location, hub.revision, hub.title) == ("hub", "a/b", commit, "a/b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[base", "not valid TOML"),
        ("", r"lacks \[base\]"),
        ("[base]\n", "exactly one of embedded.*none"),
        ('[base]\nembedded = true\nfolder = "x"\n', "exactly one.*folder and embedded"),
        ('[base]\nembedded = "yes"\n', "embedded = 'yes'.*true or false.* gemma-3-270m, smollm2"),
        ('[base]\nhub = "a/b"\n', "'a/b' without a revision"),
        ('[base]\nhub = ""\nrevision = "c"\n', "hub = ''"),
        ("[base]\nfolder = 3\n", "folder = 3.*in quotes"),
        (BASE + 'revision = "c1"\n', r"\[base\] has a revision.*hub id: leave it out"),
        (
            BASE + f'[prompt]\nform = "{{query}}"\nstop = "{"y" * 300}"\n',
            "'y{78}….*a list of texts",
        ),
        (BASE + '[prompt]\nform = "{query}"\nstop = 3\n', "stop = 3: write a list of texts"),
        ("base = 3\n", r"\[base\] is 3.*table"),
        (
            '[base]\nfolder = "base"\nrevison = "x"\n',
            r"\[base\].*unknown field 'revison'.*revision",
        ),
        ("title = 3\n" + BASE, "title = 3.*in quotes"),
        ('lenss = "raw"\n' + BASE, "unknown field 'lenss'.*lens"),
        ("lens = 3\n" + BASE, "lens = 3"),
        (BASE + '[[adapters]]\nname = "a"\n', r"\[\[adapters\]\] number 1 lacks folder"),
        (BASE + ADAPTER + '[[adapters]]\nfolder = "a"\n', "number 2 lacks name"),
        (BASE + ADAPTER + ADAPTER, "'a' twice"),
        (BASE + '[[adapters]]\nname = "a b"\nfolder = "a"\n', "name = 'a b'.*label"),
        (BASE + '[[adapters]]\nname = "<img>"\nfolder = "a"\n', "name = '<img>'"),
        (BASE + '[[adapters]]\nname = ""\nfolder = "a"\n', "name = ''"),
        (BASE + ADAPTER + 'kind = "tongue"\n', "'tongue'.*language, task, other"),
        (BASE + ADAPTER + "label = 3\n", "label = 3.*in quotes"),
        (BASE + ADAPTER + 'label = "  "\n', "label = '  '.*leave label out"),
        (BASE + ADAPTER + 'weight = "1"\n', "unknown field 'weight'"),
        (BASE + ADAPTER + 'sha256 = "abc"\n', "sha256 = 'abc'.*64"),
        (BASE + ADAPTER + 'config_sha256 = "abc"\n', "config_sha256 = 'abc'.*64"),
        (BASE + '[adapters]\nname = "a"\n', r"adapters = \{.*\[\[adapters\]\] above each"),
        ('adapters = ["a"]\n' + BASE, r"\[\[adapters\]\] number 1 is 'a'.*table"),
        (BASE + "[prompt]\n", "lacks form"),
        (BASE + "[prompt]\nform = 3\n", "form = 3.*in quotes"),
        (BASE + '[prompt]\nform = "User:"\n', "{query} exactly once"),
        (BASE + '[prompt]\nform = "{query}{query}"\n', "{query} exactly once"),
        (
            BASE + '[prompt]\nform = "{query}"\nstop = [3]\n',
            r'has 3 in stop: .*in quotes.*stop = \["…"\]',
        ),
        (BASE + '[prompt]\nform = "{query}"\nstop = [""]\n', "has '' in stop.*not empty"),
        (BASE + '[prompt]\nform = "{query}"\nstop = "\\nUser:"\n', r"stop = '\\nUser:'.*a list"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as refusal:
        load_collection(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_default_lens_that_is_not_there_is_refused_when_the_collection_is_used(
    manifest: Path, tmp_path: Path
) -> None:
    text = manifest.read_text().replace('lens = "norm"', 'lens = "blurred"')
    path = manifest.with_name("blurred.toml")
    path.write_text(text)
    with pytest.raises(InputError, match=r"lens = 'blurred'.*norm, raw") as refusal:
        Engine.load(load_collection(path))
    assert str(path) in str(refusal.value)


def test_a_collection_without_adapters_is_refused_when_it_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, BASE)
    with pytest.raises(InputError, match=r"has no adapter: add \[\[adapters\]\]") as refusal:
        Engine.load(load_collection(path))
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "x" * 80])
def test_a_collections_name_is_no_path(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, BASE, head=f'name = "{name}"\n')
    with pytest.raises(InputError, match=r"name = .*take letters.*into the title"):
        load_collection(path)


@pytest.mark.parametrize("fault", ["folder", "digest", "weights"])
def test_files_of_adapters_are_checked_before_the_base_loads(tmp_path: Path, fault: str) -> None:
    path = tiny.tiny_collection(tmp_path, ("spanish", "math"))
    if fault == "folder":
        (tmp_path / "adapters" / "math").rename(tmp_path / "elsewhere")
    elif fault == "weights":
        (tmp_path / "adapters" / "math" / "adapter_model.safetensors").unlink()
    else:
        path.write_text(path.read_text() + f'sha256 = "{"0" * 64}"\n')
    phases: list[str] = []
    with pytest.raises(InputError, match=r"^Adapter math: "):
        Engine.load(load_collection(path), lambda phase, share: phases.append(phase))
    assert phases == []


@pytest.mark.parametrize(
    ("key", "file"),
    [("sha256", "adapter_model.safetensors"), ("config_sha256", "adapter_config.json")],
)
def test_an_adapter_with_another_digest_than_the_manifest_names_is_refused(
    tmp_path: Path, key: str, file: str
) -> None:
    path = tiny.tiny_collection(tmp_path, ("math",))
    digest = sha256((tmp_path / "adapters" / "math" / file).read_bytes()).hexdigest()
    path.write_text(path.read_text() + f'{key} = "{digest.upper()}"\n')
    assert Engine.load(load_collection(path)).adapters == ("math",)
    path.write_text(path.read_text().replace(digest.upper(), "0" * 64))
    with pytest.raises(InputError, match=rf"math.*{re.escape(file)}.*{digest}.*{'0' * 64}"):
        Engine.load(load_collection(path))


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
    with pytest.raises(InputError, match=r"not there.*give one that is"):
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
    assert collection.lens in lenses()
    for adapter in collection.adapters:
        assert (adapter.folder / "adapter_model.safetensors").is_file()
        assert adapter.label and adapter.license and adapter.note


def test_a_tag_is_the_adapters_name_unless_the_manifest_says_otherwise(tmp_path: Path) -> None:
    tagged = '[[adapters]]\nname = "spanish"\nfolder = "b"\nkind = "language"\n'
    manifest = written(tmp_path, BASE + ADAPTER + tagged + 'tag = "es"\n')
    assert [entry.tag for entry in load_collection(manifest).adapters] == ["a", "es"]
    manifest = written(tmp_path, BASE + ADAPTER + tagged + "tag = 3\n")
    with pytest.raises(InputError, match="has tag = 3: write text"):
        load_collection(manifest)
