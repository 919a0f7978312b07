"""The Jacobian lens: a slow reference, exact zeros, and what happens without its file."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
import torch
from torch import Tensor

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.measure.layer_reading import read_layers
from analysis.measure.lenses import BoundLens, bind_lens, lenses
from analysis.measure.lenses.jacobian import LENS, MATRICES
from analysis.models.fitted import FittedFiles, Origin, origin_of, read_fitted, write_fitted
from analysis.models.manifest import load_collection
from analysis.training.lenses.controls import controls_of
from app.explore import control_column
from app.explore.controls import Controls
from app.state.settings.choices import lens_choices, lens_note
from app.widgets.labels import labels_of
from tests import tiny

QUERY = "María tiene 3 manzanas y compra 5 más."
COMMAND = "python -m analysis fit-lens jacobian"


def matrices(seed: int = 0) -> Tensor:
    """Random matrices of all layers but the last, whose matrix is the identity."""
    generator = torch.Generator().manual_seed(seed)
    shape = (tiny.LAYERS - 1, tiny.WIDTH, tiny.WIDTH)
    random_LDD = torch.randn(shape, generator=generator, dtype=torch.float64) / tiny.WIDTH**0.5
    return torch.cat([random_LDD, torch.eye(tiny.WIDTH, dtype=torch.float64)[None]]).half()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tiny.tiny_collection(tmp_path / "tiny", {"zero": {"strength": 0.0}, "math": {}})


def origin(manifest: Path) -> Origin:
    return origin_of(COMMAND, "text", load_collection(manifest).base)


@pytest.fixture
def fitted(manifest: Path) -> Path:
    write_fitted(manifest.parent / LENS.fitted, {MATRICES: matrices()}, origin(manifest))
    return manifest


def test_divergences_equal_a_slow_reference(fitted: Path) -> None:
    engine = Engine.load(load_collection(fitted), dtype="float32")
    trace = engine.trace(QUERY)
    found = engine.divergence(trace, "jacobian", "prompt")
    head = Head.of(tiny.model())
    jacobians_LDD = matrices().double()
    for layer in range(tiny.LAYERS):
        moved_RD = trace.at("prompt")[:, layer].double() @ jacobians_LDD[layer].T
        log_RV = (head.norm(moved_RD).double() @ head.weight_VD.double().T).log_softmax(dim=1)
        for adapter in range(2):
            difference_V = log_RV[0] - log_RV[1 + adapter]
            expected = float((log_RV[0].exp() * difference_V).sum())
            assert float(found.values_LK[layer, adapter]) == pytest.approx(
                expected, rel=1e-3, abs=1e-9
            )
    assert bool((found.values_LK[:, 0] == 0).all()), "a zero adapter changes nothing"
    assert bool((found.values_LK[:, 1] > 0).all())
    norm = engine.divergence(trace, "norm", "prompt")
    torch.testing.assert_close(found.values_LK[-1], norm.values_LK[-1], rtol=1e-3, atol=1e-9)
    cell = engine.cell(trace, 1, "math", "jacobian", "prompt")
    assert cell.divergence == pytest.approx(float(found.values_LK[1, 1]), rel=1e-3)
    every = engine.every_token(trace.prompt, lens="jacobian")
    last_LK = every.values_LKT[:, :, trace.prompt.last]
    torch.testing.assert_close(last_LK, found.values_LK, rtol=1e-3, atol=1e-9)


def test_a_small_shift_keeps_its_digits_up_to_the_norm() -> None:
    model = tiny.model("llama")
    generator = torch.Generator().manual_seed(1)
    hidden_RLD = 100 * torch.randn(2, tiny.LAYERS, tiny.WIDTH, generator=generator)
    hidden_RLD[1] = hidden_RLD[0] + 1e-3
    # A norm that does nothing shows what reaches it.
    head = Head(model.lm_head.weight, None, lambda states: states, None)
    lens = BoundLens(LENS, {MATRICES: matrices().float()})
    for layer, _, shift_KV in read_layers(hidden_RLD, head, lens):
        difference_D = hidden_RLD[1, layer].double() - hidden_RLD[0, layer].double()
        exact_V = matrices()[layer].double() @ difference_D @ model.lm_head.weight.double().T
        # Its digits below those of a state of 100: a product of each state alone would lose more.
        assert float((shift_KV[0].double() - exact_V).norm() / exact_V.norm()) < 5e-3


def test_without_its_file_the_lens_says_how_to_make_it(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = load_collection(manifest)
    engine = Engine.load(collection, dtype="float32")
    trace = engine.trace(QUERY)
    said = r"the collection has no lenses/jacobian.safetensors, which `python -m analysis fit-lens"
    for ask in (
        lambda: engine.divergence(trace, "jacobian"),
        lambda: engine.cell(trace, 0, "math", "jacobian"),
        lambda: engine.read_ahead(trace, "jacobian", 0, "math"),
        lambda: engine.every_token(trace.prompt, lens="jacobian"),
        lambda: engine.baseline(["math"], "jacobian"),
    ):
        with pytest.raises(InputError, match=said):
            ask()
    assert "jacobian" not in dict(map(reversed, lens_choices(collection)))
    assert COMMAND in lens_note(collection)
    query = ["trace", QUERY, "--collection", str(manifest), "--lens", "jacobian"]
    assert main(query) == 2
    assert COMMAND in capsys.readouterr().err
    manifest.write_text(manifest.read_text().replace('lens = "norm"', 'lens = "jacobian"'))
    with pytest.raises(InputError, match=rf"lens = 'jacobian': {said}"):
        Engine.load(load_collection(manifest))


def controls_of_page(manifest: Path) -> Controls:
    collection, controls = load_collection(manifest), Controls()
    with gr.Blocks(analytics_enabled=False):
        control_column.build(controls, collection, labels_of(collection), stored=False)
    return controls


def test_the_page_offers_the_lens_or_says_what_is_missing(manifest: Path) -> None:
    without = controls_of_page(manifest)
    with pytest.raises(ValueError, match="jacobian"):
        without.link_fields["lens"].read("jacobian")
    assert COMMAND in without["lens"].info
    # A stored example says something else there; the reason comes back once a run unlocks it.
    assert COMMAND in without.locked[without["lens"]]
    path = manifest.parent / LENS.fitted
    write_fitted(path, {MATRICES: matrices()}, origin(manifest))
    offered = controls_of_page(manifest)
    assert offered.link_fields["lens"].read("jacobian") == "jacobian"
    assert ("Jacobian", "jacobian") in offered["lens"].choices
    assert not offered["lens"].info
    assert lens_note(load_collection(manifest)) == ""


@pytest.mark.parametrize(
    ("tensors", "base", "said"),
    [
        ({MATRICES: matrices()}, "other", "made for the base other, not base .*: make it anew"),
        ({MATRICES: matrices()[:, :5]}, "base", r"matrices \[3, 5, 32\], not those of a base of"),
        ({MATRICES: matrices()[:2]}, "base", r"matrices \[2, 32, 32\].*with layer 2: make it anew"),
    ],
)
def test_matrices_of_another_base_are_refused(
    manifest: Path, tensors: dict[str, Tensor], base: str, said: str
) -> None:
    own = origin(manifest)
    write_fitted(
        manifest.parent / LENS.fitted,
        tensors,
        own if base == "base" else replace(own, base=base, base_digest="0" * 64),
    )
    engine = Engine.load(load_collection(manifest), dtype="float32")
    with pytest.raises(InputError, match=said):
        engine.divergence(engine.trace(QUERY), "jacobian")


def test_controls_lose_the_meaning_and_keep_the_size() -> None:
    bound = BoundLens(LENS, {MATRICES: matrices()})
    found = {name: lens.fitted[MATRICES] for name, lens in controls_of(bound).items()}
    own_LDD = matrices().float()
    permuted, random, other = found.values()
    assert not torch.equal(permuted, own_LDD)
    torch.testing.assert_close(permuted.sort(dim=1).values, own_LDD.sort(dim=1).values)
    torch.testing.assert_close(random.flatten(1).norm(dim=1), own_LDD.flatten(1).norm(dim=1))
    assert torch.equal(other[1], own_LDD[0])


def test_fit_then_trace_then_check(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prose = tmp_path / "prose.txt"
    prose.write_text("\n".join(tiny.SENTENCES * 9), encoding="utf-8")
    text = ["--text", str(prose), "--tokens", "24", "--collection", str(manifest)]
    assert main(["fit-lens", "jacobian", *text, "--prompts", "4", "--rows", "16", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["prompts"], result["prompts_of_a_row"]) == (4, 2)
    made = read_fitted(manifest.parent / LENS.fitted)
    assert made.tensors[MATRICES].dtype == torch.float16
    assert made.tensors[MATRICES].shape == (tiny.LAYERS, tiny.WIDTH, tiny.WIDTH)
    assert made.origin.base == "base"
    assert made.origin.adapters == {}
    assert made.origin.data == "prose.txt: licence not stated; 4 windows of 24 tokens"
    assert str(tmp_path) not in made.origin.command
    assert "--text prose.txt --prompts 4 --tokens 24 --rows 16" in made.origin.command

    query = ["trace", QUERY, "--collection", str(manifest), "--lens", "jacobian", "--json"]
    assert main(query) == 0
    traced = json.loads(capsys.readouterr().out)
    assert traced["lens"] == "jacobian"
    assert all(row[0] == 0 for row in traced["divergence"])

    figure = tmp_path / "ranks.svg"
    options = ["--windows", "3", "--figure", str(figure), "--json"]
    assert main(["check-lens", "jacobian", *text, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["states"] == 12
    assert list(found["ranks"])[:3] == ["norm", "raw", "jacobian"]
    assert len(found["ranks"]) == 6
    # In the last layer the norm lens is the model, and the matrix is the identity.
    assert found["ranks"]["norm"][-1] == found["ranks"]["jacobian"][-1] == 1
    assert list(found["saturated"]) == ["norm", "raw", "jacobian"]
    drawn = ElementTree.fromstring(figure.read_text())
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 6
    assert main(["check-lens", "jacobian", *text, "--windows", "3"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("| layer | norm | raw | jacobian |")


@pytest.mark.parametrize("command", ["fit-lens", "check-lens"])
def test_a_lens_that_is_not_fitted_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "norm"]) == 2
    assert "The lens 'norm' is not fitted: take one of jacobian." in capsys.readouterr().err


def test_lenses_without_a_file_need_none() -> None:
    assert [lens.name for lens in lenses().values() if lens.fitted] == ["jacobian"]
    assert bind_lens("norm", FittedFiles().read).fitted == {}
