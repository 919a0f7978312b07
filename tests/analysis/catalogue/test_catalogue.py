"""The catalogue: groups, what can run, what is not here, and the document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from analysis import methods as method_files
from analysis.__main__ import main
from analysis.catalogue.availability import unavailable
from analysis.catalogue.groups import groups
from analysis.catalogue.markdown import address_of, markdown
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.methods import fuse_available, methods, named
from analysis.methods._absent import FILE, absent_methods
from tests import tiny
from tests.added import added_file
from tests.lacking import LACKING

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "lacking.py", LACKING):
        yield


def test_every_method_is_in_one_group_and_each_group_says_what_it_is() -> None:
    found = groups()
    names = [method.name for group in found for method in group.methods]
    assert sorted(names) == sorted(methods())
    assert found[0].title == "Plain" and found[0].methods[0].name == "base"
    assert all(group.summary.endswith(".") for group in found)


@pytest.mark.usefixtures("lacking")
def test_a_method_outside_a_folder_has_a_group_too() -> None:
    (further,) = (group for group in groups() if group.title == "Further methods")
    assert [method.name for method in further.methods] == ["lacking"]


@pytest.mark.usefixtures("lacking")
def test_a_look_finds_what_a_run_finds_and_runs_nothing(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    context = engine.context(engine.prompt("Where is it?"))
    names = [
        f"{method.name}:{engine.adapters[0]}" if method.of_adapter else method.name
        for method in methods().values()
    ]
    looked = unavailable(names, context)
    assert engine.kept_trace(context.prompt, context.adapters) is None
    assert str(looked["lacking"]) == "It needs methods/lacking.safetensors: fit it."
    _, ran = fuse_available(names, context)
    assert {name: str(one) for name, one in looked.items()} == {
        name: str(one) for name, one in ran.items()
    }


def test_a_look_computes_no_fact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    context = engine.context(engine.prompt("Where is it?"))
    for name in ("trace", "divergence", "baseline"):
        monkeypatch.setattr(Engine, name, lambda *given, **named: pytest.fail("the model runs"))
    for name in ("factors", "delta_norm"):
        monkeypatch.setattr(type(engine.facts), name, lambda *given: pytest.fail("it computes"))
    assert unavailable(["base", "qa-flora", "arrow"], context) == {}


def test_the_methods_that_are_not_here_are_not_here() -> None:
    absent = absent_methods()
    here = {method.name for method in methods().values()}
    assert len(absent) >= 11
    assert not here & {one.written_name for one in absent}
    assert {"mole", "meteora", "dlp-lora", "lora-mixer", "ramole", "loramoe"} <= {
        one.written_name for one in absent
    }


def test_every_method_of_the_field_is_a_name_or_says_why_it_is_not_here() -> None:
    asked = (
        "static sum adapter:math qa-flora qa-flora-calibrated logo-norm logo-entropy centroid "
        "adaptersoup loraretriever ariadne arrow spectr seqr lag layer-swapping lorahub lora-flow "
        "cat phatgoose x-lora"
    )
    assert len(named(asked.split(), ["math"])) == 21
    for one in absent_methods():
        with pytest.raises(InputError, match=r"is not here\..* Take some of base") as caught:
            named([one.written_name], ["math"])
        assert one.name in str(caught.value) and one.why in str(caught.value)
    with pytest.raises(InputError, match=r"^MoLE is not here. It needs training of one gate for"):
        named(["mole"], ["math"])


def test_the_command_lists_those_that_are_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    listed = capsys.readouterr().out.partition("── Methods of the field that are not here")[2]
    assert main(["methods", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)["not_here"]
    words = " ".join(listed.split())
    for one, dictionary in zip(absent_methods(), plain, strict=True):
        assert dictionary == asdict(one)
        assert f"{one.name} · {one.paper}".rstrip(" ·") in words and f"Needs: {one.needs}" in words
        assert f"Why not here: {one.why}" in words


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[method]]\nname = 3\n", "line 1: [[method]] number 1 has name = 3: write text"),
        (
            FILE.read_text(encoding="utf-8") + '\n[[method]]\nname = "MoLE"\npaper = ""\n'
            'summary = "a"\nneeds = "b"\nwhy = "c"\n',
            "has name = 'MoLE' for a second time",
        ),
        ('\n[[method]]\nname = "A"\n', "line 2: [[method]] number 1 lacks paper"),
        ('[[method]]\nnam = "A"\n', "has an unknown field 'nam'"),
        (
            '[[method]]\nname = "A"\npaper = "2404"\nsummary = "a"\nneeds = "b"\nwhy = "c"\n',
            "has paper = '2404': write paper = \"arXiv 2404.13628\"",
        ),
        ("[[method]\n", "cannot be read"),
        ("method = 3\n", "has method = 3"),
    ],
)
def test_a_fault_of_the_file_is_named_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "methods_not_here.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        absent_methods(path)
    assert fault in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_document_is_what_the_methods_say() -> None:
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert written == markdown(groups(), absent_methods()), (
        "write it again: python -m analysis methods --markdown > docs/methods.md"
    )
    for method in methods().values():
        assert f"### {method.title}\n\n`{method.written_name}`. " in written


def test_a_paper_has_the_address_of_its_number() -> None:
    assert address_of("LoGo (arXiv 2511.07129)") == "https://arxiv.org/abs/2511.07129"
    assert address_of("") == address_of("arXiv 12") == ""
