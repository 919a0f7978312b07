"""The real base with the bundled adapters: the whole way of a query."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from analysis.__main__ import main
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.measure.lenses import SATURATED
from analysis.measure.normalisation import normalise
from analysis.methods import fuse
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"
pytestmark = pytest.mark.base


@pytest.fixture
def engine(bundled_engine: Engine) -> Engine:
    return bundled_engine


def test_a_query_is_read_as_the_form_says(engine: Engine) -> None:
    prompt = engine.prompt(f"<end_of_turn>{QUERY}<bos>")
    assert prompt.text == f"<bos>User: <end_of_turn>{QUERY}<bos>\nAssistant: "
    assert prompt.ids[0] == 2 and prompt.ids.count(2) == 1
    assert sum(prompt.control) == 1
    assert "".join(prompt.tokens) == prompt.text


def test_the_weights_of_a_query_are_shares(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    for lens in ("norm", "raw", "jacobian"):
        divergence = engine.divergence(trace, lens)
        weights_LK = normalise(divergence.values_LK)
        assert weights_LK.shape == (18, len(engine.adapters))
        assert bool((divergence.values_LK >= 0).all())
        assert weights_LK.sum(dim=1).tolist() == pytest.approx([1.0] * 18, abs=1e-12)
    assert bool((engine.divergence(trace).values_LK[-1] > 0).all())


def test_the_bundled_jacobian_lens_is_the_norm_in_the_last_layer(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    norm, jacobian = (engine.divergence(trace, lens) for lens in ("norm", "jacobian"))
    torch.testing.assert_close(jacobian.values_LK[-1], norm.values_LK[-1])
    assert (norm.values_LK[:-1] - jacobian.values_LK[:-1]).abs().amin(dim=1).gt(0).all()
    assert jacobian.peak_L.max() < SATURATED


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_only_the_thread_of_the_model_keeps_workers(engine: Engine) -> None:
    # With workers for a second thread OpenMP counts more threads than cores: all is slower then.
    def threads() -> set[str]:
        return {task.name for task in Path("/proc/self/task").iterdir()}

    def ask() -> None:
        trace = engine.trace("Cada caja tiene 4 manzanas. ¿Cuántas manzanas hay en 3 cajas?")
        engine.divergence(trace)
        engine.every_token(engine.prompt("4"), trace.adapters[:1])
        engine.shortlist(trace.prompt, count=2)
        list(
            engine.answer(
                trace.prompt,
                [Row("fused", ConstantWeights(trace.adapters, torch.full((18, 6), 1 / 6)))],
                new_tokens=2,
            )
        )
        before = threads()
        torch.ones(2_000_000).exp()
        workers.append(len(threads() - before))

    workers, usual = list[int](), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    finally:
        torch.set_num_threads(usual)
    assert workers == [1], "the thread of a request had a worker before it needed one"


def test_base_and_adapter_rows_are_transformers_and_peft(
    engine: Engine, embedded_model: PreTrainedModel
) -> None:
    collection = load_collection()
    trace = engine.trace(QUERY)
    base = embedded_model
    ids_RT = torch.tensor([trace.prompt.ids])
    adapter = collection.adapters[0]

    def error(model: torch.nn.Module, row: int) -> float:
        with torch.inference_mode():
            states = model(ids_RT, output_hidden_states=True).hidden_states
        expected_LD = torch.cat(states[1:-1])[:, -1]
        found_LD = trace.at("prompt")[row, :-1]
        return float(((found_LD - expected_LD).norm(dim=1) / expected_LD.norm(dim=1)).max())

    assert error(base, 0) < 1e-5
    peft = PeftModel.from_pretrained(base, str(adapter.folder)).eval()
    try:
        assert error(peft, 1) < 1e-5
    finally:
        peft.unload()  # the model is other tests', too


def test_answers_stream_side_by_side(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    context = engine.context(trace.prompt)
    rows = fuse(["base", "static", "sum", "qa-flora"], context)
    texts = [""] * 4
    for step in engine.answer(trace.prompt, rows, new_tokens=12):
        for token in step.tokens:
            texts[token.row] += token.delta
            assert 0 < token.probability <= 1
    assert all(text.strip() for text in texts)
    assert not any("\nUser:" in text for text in texts)


def test_the_command_traces_the_default_collection(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collections = []

    def load(collection: Collection, *args: object, **named: object) -> Engine:
        collections.append(collection)
        return engine  # as the command would load it once more

    monkeypatch.setattr(Engine, "load", load)
    assert main(["trace", QUERY, "--json"]) == 0
    assert collections == [load_collection()]
    found = json.loads(capsys.readouterr().out)
    assert found["collection"] == "gemma-3-270m"
    assert found["layers"] == 18
    assert [sum(layer) for layer in found["weights"]] == pytest.approx([1] * 18, abs=1e-6)
