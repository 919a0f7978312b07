"""A method is one file: no file of the project learns its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from analysis import methods as method_files
from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.methods import methods, named
from analysis.models.manifest import load_collection
from app.explore import control_column
from app.explore.controls import Controls, alone_choices, method_choices
from app.widgets.labels import labels_of
from tests import tiny
from tests.added import added_file

QUERY = "María tiene 3 manzanas y compra 5 más."
METHOD = """
import torch

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method


def policy(context, adapter):
    weights_LK = torch.zeros(context.layers, len(context.adapters))
    weights_LK[:, 0] = 1.0
    return ConstantWeights(context.adapters, weights_LK)


METHOD = Method("first", "First alone", "The first adapter weighs 1.", policy, order=5)
"""


@pytest.fixture
def added(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "first_alone.py", METHOD):
        yield


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tiny.tiny_collection(tmp_path / "tiny", ["spanish", "math"])


@pytest.mark.usefixtures("added")
def test_an_added_method_is_offered_on_the_page_and_in_links(manifest: Path) -> None:
    collection = load_collection(manifest)
    controls = Controls()
    with gr.Blocks(analytics_enabled=False) as page:
        control_column.build(controls, collection, labels_of(collection), stored=False)
    offered = [
        choice for block in page.blocks.values() for choice in getattr(block, "choices", None) or ()
    ]
    assert ("First alone", "first") in offered
    assert controls.link_fields["methods"].read("first") == ["first"]


@pytest.mark.usefixtures("added")
def test_an_added_method_answers_as_its_weights_say(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["answer", QUERY, "--collection", str(manifest), "--json", "--max-new-tokens", "4"]
    assert main([*asked, "--methods", "first,adapter:spanish"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    likely = [answers[name].pop("mean_logprob") for name in ("first", "adapter:spanish")]
    assert likely[0] == pytest.approx(likely[1], rel=1e-5)
    assert answers["first"] == answers["adapter:spanish"] and answers["first"]["text"]


def test_a_removed_method_is_gone(added: None, tmp_path: Path) -> None:
    assert "first" in methods()
    method_files.__path__.remove(str(tmp_path / "methods"))
    try:
        assert "first" not in methods()
        with pytest.raises(InputError, match="no method 'first'"):
            named(["first"], ("spanish",))
    finally:
        method_files.__path__.append(str(tmp_path / "methods"))


def test_an_added_method_of_one_adapter_is_offered_with_each_adapter(tmp_path: Path) -> None:
    text = METHOD.replace("order=5", "order=5, of_adapter=True")
    with added_file(method_files, tmp_path / "methods" / "first_alone.py", text):
        assert ("First alone", "first") not in method_choices()
        labels = {"spanish": "Spanish", "math": "Mathematics"}
        assert alone_choices(labels) == [
            ("Spanish First alone", "first:spanish"),
            ("Mathematics First alone", "first:math"),
            ("Spanish alone", "adapter:spanish"),
            ("Mathematics alone", "adapter:math"),
        ]
