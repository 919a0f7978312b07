"""A lens, a metric, a signal and a command are one file each: no file learns their names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
import torch

import analysis
from analysis import commands
from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.measure import lenses as lens_files
from analysis.measure import metrics as metric_files
from analysis.measure import signals as signal_files
from analysis.measure.layer_reading import read_layers
from analysis.measure.lenses import bind_lens, check_lens, lenses
from analysis.measure.metrics import check_metrics, measure_pairs, metric_of, metrics
from analysis.measure.normalisation import normalise
from analysis.measure.signals import signals
from analysis.models.manifest import load_collection
from app.explore import control_column
from app.explore.controls import Controls
from app.state.settings.choices import lens_choices, metric_choices, signal_choices
from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import described
from app.widgets.labels import labels_of
from tests import tiny
from tests.added import added_file

QUERY = "María tiene 3 manzanas y compra 5 más."
LENS = """
import torch
from analysis.measure.lenses import Lens

def before_head(hidden_RD, head, layer, fitted):
    matrix_DD = torch.eye(hidden_RD.shape[1], dtype=hidden_RD.dtype) * (1 + layer)
    return head.norm(hidden_RD) @ matrix_DD

LENS = Lens("by-layer", "By layer", "A matrix of each layer.", before_head, order=15)
"""
METRIC = """
from analysis.measure.metrics import Metric

METRIC = Metric(
    "total-variation",
    "Total variation",
    "½ Σ |p − q|",
    lambda pair: pair.difference_V.abs().sum() / 2,
    unit="bananas",
)
"""
SIGNAL = """
from analysis.measure.signals import Reading, Signal


def read(source):
    found = source.divergence()
    return Reading(found.values_LK.sqrt(), found.peak_L)


SIGNAL = Signal(
    "root", "Root", "√ d", "The root of the divergence.", read, ("lens", "metric", "position"),
    of_trace=True,
)
"""
COMMAND = """
def add(subparsers):
    parser = subparsers.add_parser("greet", help="greet somebody")
    parser.add_argument("name")
    parser.set_defaults(run=lambda args: print(f"Hello, {args.name}") or 0)
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tiny.tiny_collection(tmp_path / "tiny", ["spanish", "math"])


@pytest.fixture
def added(tmp_path: Path) -> Iterator[None]:
    with (
        added_file(lens_files, tmp_path / "lenses" / "by_layer.py", LENS),
        added_file(metric_files, tmp_path / "metrics" / "total_variation.py", METRIC),
    ):
        yield


@pytest.mark.usefixtures("added")
def test_an_added_lens_and_metric_are_listed_everywhere(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(lenses()) == ["norm", "by-layer", "raw", "jacobian"]
    assert list(metrics())[-1] == "total-variation"
    collection = load_collection(manifest)
    assert ("By layer", "by-layer") in lens_choices(collection)
    assert ("Total variation", "total-variation") in metric_choices()
    own = ViewSettings("by-layer", metric="total-variation")
    assert own.unit == " bananas"
    assert "by-layer lens, Total variation" in described(own)
    controls = Controls()
    with gr.Blocks(analytics_enabled=False):
        control_column.build(controls, collection, labels_of(collection), stored=False)
    assert controls.link_fields["lens"].read("by-layer") == "by-layer"
    assert controls.link_fields["metric"].read("total-variation") == "total-variation"
    with pytest.raises(SystemExit):
        main(["trace", "--help"])
    # Lines of help may also break after a hyphen.
    assert "by-layer:Amatrixofeachlayer." in "".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("added")
def test_an_added_lens_and_metric_measure(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine.load(load_collection(manifest), dtype="float32")
    trace = engine.trace(QUERY)
    found = engine.divergence(trace, "by-layer", metric="total-variation")
    assert (found.lens, found.metric) == ("by-layer", "total-variation")
    for layer, base_V, shift_KV in read_layers(
        trace.at("query"), Head.of(tiny.model()), bind_lens("by-layer")
    ):
        p_V, q_KV = base_V.double().softmax(-1), (base_V + shift_KV).double().softmax(-1)
        expected_K = (p_V - q_KV).abs().sum(-1) / 2
        torch.testing.assert_close(found.values_LK[layer], expected_K, rtol=1e-3, atol=1e-6)
    # Each layer has its own matrix, for a cell as for the divergence of all layers.
    kl_LK = engine.divergence(trace, "by-layer").values_LK
    assert torch.equal(kl_LK[0], engine.divergence(trace).values_LK[0])
    assert not torch.equal(kl_LK[1], engine.divergence(trace).values_LK[1])
    for layer in range(engine.layers):
        cell = engine.cell(trace, layer, "math", "by-layer")
        assert cell.divergence == pytest.approx(float(kl_LK[layer, 1]), rel=1e-3)
    every = engine.every_token(trace.prompt, None, "by-layer", "total-variation")
    last_LK = every.values_LKT[:, :, trace.prompt.query_last]
    torch.testing.assert_close(last_LK, found.values_LK, rtol=1e-3, atol=1e-6)
    query = ["trace", QUERY, "--collection", str(manifest), "--lens", "by-layer", "--json"]
    assert main(query) == 0
    assert json.loads(capsys.readouterr().out)["lens"] == "by-layer"


def test_an_added_signal_is_offered_and_makes_the_weights(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = ["trace", QUERY, "--collection", str(manifest), "--json"]
    assert main(query) == 0
    plain = torch.tensor(json.loads(capsys.readouterr().out)["divergence"], dtype=torch.float64)
    with added_file(signal_files, tmp_path / "signals" / "root.py", SIGNAL):
        assert ("Root", "root") in signal_choices()
        assert ViewSettings(signal="root").reads_every_token is False
        assert main([*query, "--signal", "root"]) == 0
    weights = torch.tensor(json.loads(capsys.readouterr().out)["weights"], dtype=torch.float64)
    torch.testing.assert_close(weights, normalise(plain.sqrt()), rtol=1e-4, atol=1e-6)
    assert "root" not in signals()


def test_an_added_command_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with added_file(commands, tmp_path / "commands" / "greet.py", COMMAND):
        assert main(["greet", "Ana"]) == 0
        assert capsys.readouterr().out == "Hello, Ana\n"
    with pytest.raises(SystemExit):
        main(["greet", "Ana"])


def test_a_removed_lens_and_metric_are_gone(tmp_path: Path) -> None:
    before = list(lenses()), list(metrics())
    for folder, factor in (("first", 1.0), ("second", 3.0)):
        text = METRIC.replace("/ 2", f"* {factor}")
        with (
            added_file(lens_files, tmp_path / folder / "lenses" / "by_layer.py", LENS),
            added_file(metric_files, tmp_path / folder / "metrics" / "total_variation.py", text),
        ):
            check_lens("by-layer")
            value = measure_pairs(
                [metric_of("total-variation")], torch.zeros(2), torch.tensor([[0.0, 50.0]])
            )
            assert float(value) == pytest.approx(factor)
        assert (list(lenses()), list(metrics())) == before
        with pytest.raises(InputError, match="no lens 'by-layer'"):
            check_lens("by-layer")
        with pytest.raises(InputError, match="no metric 'total-variation'"):
            check_metrics(["total-variation"])


def test_a_file_with_an_underscore_is_shared_code(tmp_path: Path) -> None:
    with added_file(lens_files, tmp_path / "_shared.py", "raise SystemExit"):
        assert "norm" in lenses()


def test_a_file_without_its_object_and_a_name_used_twice_are_refused(tmp_path: Path) -> None:
    with (
        added_file(lens_files, tmp_path / "empty.py", "LENSES = ()"),
        pytest.raises(TypeError, match=r"lenses\.empty has no LENS of class Lens"),
    ):
        lenses()
    twice = LENS.replace("by-layer", "norm")
    with (
        added_file(lens_files, tmp_path / "twice" / "twice.py", twice),
        pytest.raises(ValueError, match="named 'norm' too"),
    ):
        lenses()


def test_lenses_and_metrics_are_listed_before_torch_is_loaded() -> None:
    code = (
        "import sys\n"
        "from app.state.settings.choices import lens_choices, metric_choices\n"
        "from app.state.settings.view_settings import ViewSettings\n"
        "from app.state.settings.wording import described\n"
        "from analysis.models.manifest import load_collection\n"
        "assert lens_choices(load_collection())\n"
        "assert metric_choices() and described(ViewSettings())\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(analysis.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
