"""Trained methods: LoRA-Flow's rule by a loop, what CAT and LoRAHub find, and their files."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from analysis.common.errors import InputError
from analysis.inference.mixing.policies import ConstantWeights, ModuleInput
from analysis.inference.mixing.rows import Row
from analysis.learning.fit import FitContext, TrainingExample
from analysis.learning.kept_work import KeptWork
from analysis.methods import Unavailable, fuse, methods
from analysis.methods.trained import lorahub
from analysis.methods.trained.lora_flow import FlowRule, first_bias
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.collection import Base
from analysis.models.fitted import FittedFiles, origin_of, write_fitted
from tests import tiny
from tests.contexts import KnownEngine, known_context

NAMES = ("spanish", "math")
TRAINED = ("lorahub", "cat", "lora-flow")
BASE = Base("hub", "tiny", "main")
ORIGIN = origin_of("fit", "data", BASE)


def known(folder: Path, adapters: tuple[str, ...] = NAMES) -> Any:
    engine = KnownEngine(NAMES, torch.zeros(tiny.LAYERS, 2))
    engine.facts = AdapterFacts((), FittedFiles(folder, BASE))
    return known_context(engine, adapters)


def fit_context(engine: Any, work: KeptWork | None = None) -> FitContext:
    example = TrainingExample(engine.prompt("Where is it?"), engine.answer_ids("There."))
    return FitContext(
        NAMES, ("language", "task"), {}, (example,), engine, work or KeptWork(), lambda *_: None
    )


def test_lora_flows_rule_equals_a_loop_over_tokens() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    rule = FlowRule(("a", "b", "c"), random(2, 3, 8), random(2, 3))
    x_RTD = 50 * random(2, 4, 8)
    found = rule.weights(ModuleInput("m", 1, random(2, 4, 5), x_RTD))
    for row in range(2):
        for token in range(4):
            x = x_RTD[row, token].tolist()
            size = (sum(value * value for value in x) / 8) ** 0.5
            scores = [
                sum(w * value / size for w, value in zip(gate, x, strict=True))
                for gate in rule.gate_LKD[1].tolist()
            ]
            total = sum(map(math.exp, scores))
            for adapter, score in enumerate(scores):
                expected = math.exp(score) / total + float(rule.bias_LK[1, adapter])
                assert float(found[row, token, adapter]) == pytest.approx(expected, abs=1e-9)
    zero = rule.weights(ModuleInput("m", 1, random(1, 1, 5), torch.zeros(1, 1, 8).double()))
    assert torch.allclose(zero[0, 0], 1 / 3 + rule.bias_LK[1])


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("language", "task"), [-0.5, 0.5]),
        (("task", "language", "task"), [1 / 6, -1 / 3, 1 / 6]),
        (("other", "other"), [0.0, 0.0]),
        (("language",), [0.0]),
    ],
)
def test_lora_flow_begins_with_the_task_adapters(
    kinds: tuple[str, ...], expected: list[float]
) -> None:
    assert first_bias(kinds) == pytest.approx(expected)
    if 0.0 not in expected:
        by_kind = [1 / len(kinds) + bias for bias in first_bias(kinds)]
        assert sum(by_kind) == pytest.approx(1.0)


def test_learnt_files_become_policies(tmp_path: Path) -> None:
    cat = {"weights.spanish": torch.tensor([1.0, 2, 3]), "weights.math": torch.tensor([4.0, 5, 6])}
    write_fitted(tmp_path / "methods/cat.safetensors", cat, ORIGIN)
    hub = {"weights.spanish": torch.tensor(-0.5), "weights.math": torch.tensor(1.5)}
    write_fitted(tmp_path / "methods/lorahub.safetensors", hub, ORIGIN)
    flow = {f"gate.{name}": torch.full((3, 8), index).half() for index, name in enumerate(NAMES)}
    flow |= {f"bias.{name}": torch.full((3,), 0.5) for name in NAMES}
    write_fitted(tmp_path / "methods/lora-flow.safetensors", flow, ORIGIN)
    found = {row.name: row.policy for row in fuse(TRAINED, known(tmp_path))}
    assert isinstance(found["cat"], ConstantWeights) and isinstance(
        found["lorahub"], ConstantWeights
    )
    assert found["cat"].weights_LK.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert found["lorahub"].weights_LK.tolist() == [[-0.5, 1.5]] * 3
    assert isinstance(found["lora-flow"], FlowRule)
    assert found["lora-flow"].gate_LKD[:, 1].eq(1).all()
    assert found["lora-flow"].bias_LK.tolist() == [[0.5, 0.5]] * 3
    (one,) = fuse(["cat"], known(tmp_path, ("math",)))
    assert isinstance(one.policy, ConstantWeights)
    assert one.policy.adapters == ("math",) and one.policy.weights_LK.tolist() == [[4], [5], [6]]


@pytest.mark.parametrize("method", TRAINED)
def test_without_a_file_they_name_the_command(method: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"fit-method {method} --tasks"):
        fuse([method], known(tmp_path))


def learn(method: str, context: FitContext) -> dict[str, torch.Tensor]:
    fit = methods()[method].fit
    assert fit is not None
    return dict(fit.learn(context))


@pytest.mark.parametrize("method", ["cat", "lora-flow"])
def test_what_they_learn_lowers_the_loss_when_it_answers(method: str, tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    fit = fit_context(engine)
    write_fitted(tmp_path / f"methods/{method}.safetensors", learn(method, fit), ORIGIN)
    engine.facts = AdapterFacts((), FittedFiles(tmp_path, BASE))
    (row,) = fuse([method], engine.context(fit.examples[0].prompt))
    start = {"cat": [0.5, 0.5], "lora-flow": [0.0, 1.0]}[method]
    weights_LK = torch.tensor([start] * tiny.LAYERS, dtype=torch.float64)
    before = fit.mean_loss(ConstantWeights(NAMES, weights_LK))
    assert fit.mean_loss(row.policy) < before - 1e-4


class Box:
    """nevergrad's parameter, as far as the fit uses it."""

    def __init__(self, init: list[float], lower: float, upper: float) -> None:
        assert (init, lower, upper) == ([0.0, 0.0], -1.5, 1.5)
        self.random_state = SimpleNamespace(seed=lambda seed: None)


class Trials:
    """Proposes known points, remembers what it is told, recommends the best."""

    told: list[tuple[list[float], float]]

    def __init__(self, parametrization: Box, budget: int) -> None:
        assert budget == 40
        Trials.told = []

    def ask(self) -> Any:
        step = len(Trials.told)
        return SimpleNamespace(value=torch.tensor([step / 40, -step / 20]).double().numpy())

    def tell(self, candidate: Any, value: float) -> None:
        Trials.told.append((candidate.value.tolist(), value))

    def provide_recommendation(self) -> Any:
        best = min(Trials.told, key=lambda pair: pair[1])[0]
        return SimpleNamespace(value=torch.tensor(best).double().numpy())


def test_lorahub_keeps_the_weights_of_the_best_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = SimpleNamespace(p=SimpleNamespace(Array=Box), optimizers=SimpleNamespace(NGOpt=Trials))
    monkeypatch.setitem(sys.modules, "nevergrad", fake)
    engine, _, _ = tiny.tiny_engine(tmp_path)
    context = fit_context(engine, KeptWork(tmp_path / "work.safetensors", "key", seconds=0.0))
    found = learn("lorahub", context)
    assert len(Trials.told) == 40
    for place in (0, 13, 39):
        point, value = Trials.told[place]
        weights_LK = torch.tensor([point] * tiny.LAYERS, dtype=torch.float64)
        losses = engine.answer_losses(
            [context.examples[0].prompt],
            [context.examples[0].answer],
            [Row("r", ConstantWeights(NAMES, weights_LK))],
        )
        penalty = 0.05 * (abs(point[0]) + abs(point[1])) / 2
        assert value == pytest.approx(float(losses[0].mean()) + penalty, rel=1e-5)
    best = min(Trials.told, key=lambda pair: pair[1])[0]
    assert [float(found[f"weights.{name}"]) for name in NAMES] == best
    monkeypatch.setattr(lorahub, "objective", lambda *_: pytest.fail("a trial ran again"))
    again = learn("lorahub", context)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_lorahub_without_nevergrad_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nevergrad", None)
    engine, _, _ = tiny.tiny_engine(tmp_path)
    with pytest.raises(InputError, match="pip install nevergrad"):
        learn("lorahub", fit_context(engine))
