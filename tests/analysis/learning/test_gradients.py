"""Gradients through the mixture: against finite differences, and the model stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.learning.descent import LOSSES, Schedule, descend
from analysis.learning.fit import FitContext, TrainingExample
from analysis.learning.kept_work import KeptWork
from analysis.learning.layer_weights import LayerWeights
from analysis.methods.trained.lora_flow import FlowRule
from tests import tiny

NAMES = ("spanish", "math")
PAIRS = (("Where is it?", "There."), ("María tiene 3 manzanas.", "She has 3 apples."))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Of GPT-2: the norms of the other families compute in float32, whatever their base's dtype."""
    adapters: dict[str, dict[str, Any]] = {"spanish": {}, "math": {"rank": 2}}
    return tiny.tiny_engine(tmp_path_factory.mktemp("gpt2"), adapters, family="gpt2")[0]


def fit_context(engine: Engine, work: KeptWork | None = None) -> FitContext:
    examples = tuple(
        TrainingExample(engine.prompt(question), engine.answer_ids(answer))
        for question, answer in PAIRS
    )
    return FitContext(
        NAMES, ("language", "task"), {}, examples, engine, work or KeptWork(), lambda *_: None
    )


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_learning_policy_has_the_losses_of_constant_weights(engine: Engine) -> None:
    context = fit_context(engine)
    weights_LK = random(tiny.LAYERS, 2)
    prompts = [example.prompt for example in context.examples]
    answers = [example.answer for example in context.examples]
    learning = engine.answer_losses(
        prompts, answers, [Row("r", LayerWeights(NAMES, weights_LK))] * 2, differentiable=True
    )
    constant = [
        engine.answer_losses([prompt], [answer], [Row("r", ConstantWeights(NAMES, weights_LK))])[0]
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    for found_T, expected_T in zip(learning, constant, strict=True):
        assert torch.allclose(found_T, expected_T.double(), rtol=1e-5)
    mean = sum(float(loss_T.mean()) for loss_T in constant) / 2
    policy = LayerWeights(NAMES, weights_LK)
    assert float(context.loss(context.examples, [policy] * 2)) == pytest.approx(mean, rel=1e-6)
    assert context.mean_loss(ConstantWeights(NAMES, weights_LK)) == pytest.approx(mean, rel=1e-6)


def test_cats_gradient_equals_finite_differences(engine: Engine) -> None:
    context = fit_context(engine)
    weights_LK = (0.5 * random(tiny.LAYERS, 2)).requires_grad_()
    context.loss(context.examples, [LayerWeights(NAMES, weights_LK)] * 2).backward()
    assert weights_LK.grad is not None
    for layer in range(tiny.LAYERS):
        for adapter in range(2):
            shift_LK = torch.zeros_like(weights_LK)
            shift_LK[layer, adapter] = 1e-5
            up, down = (
                float(context.loss(context.examples, [LayerWeights(NAMES, moved_LK.detach())] * 2))
                for moved_LK in (weights_LK + shift_LK, weights_LK - shift_LK)
            )
            found = float(weights_LK.grad[layer, adapter])
            assert found == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9)
            assert found != 0


def test_lora_flows_gradient_equals_finite_differences(engine: Engine) -> None:
    context = fit_context(engine)
    gate_LKD = (0.1 * random(tiny.LAYERS, 2, tiny.WIDTH, seed=1)).requires_grad_()
    bias_LK = random(tiny.LAYERS, 2, seed=2).requires_grad_()
    context.loss(context.examples, [FlowRule(NAMES, gate_LKD, bias_LK)] * 2).backward()
    assert gate_LKD.grad is not None and bias_LK.grad is not None
    direction = random(*gate_LKD.shape, seed=3), random(*bias_LK.shape, seed=4)
    up, down = (
        float(
            context.loss(
                context.examples,
                [
                    FlowRule(
                        NAMES,
                        (gate_LKD + sign * 1e-5 * direction[0]).detach(),
                        (bias_LK + sign * 1e-5 * direction[1]).detach(),
                    )
                ]
                * 2,
            )
        )
        for sign in (1, -1)
    )
    found = float((gate_LKD.grad * direction[0]).sum() + (bias_LK.grad * direction[1]).sum())
    assert found == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_learning_leaves_the_model_as_it_was(engine: Engine) -> None:
    context = fit_context(engine)
    prompt = context.examples[0].prompt
    before = engine.representation(prompt).clone()
    weights_LK = torch.zeros(tiny.LAYERS, 2, dtype=torch.float64, requires_grad=True)
    context.loss(context.examples, [LayerWeights(NAMES, weights_LK)] * 2).backward()
    first, end = prompt.query_first, prompt.query_last + 1
    after = engine.runner.base.mean_state(prompt.ids[:end], slice(first, end))
    assert torch.equal(before, after)
    assert all(parameter.grad is None for parameter in engine.runner.model.parameters())


def descended(context: FitContext, epochs: int = 6) -> dict[str, torch.Tensor]:
    start = {"weights": torch.zeros(tiny.LAYERS, 2, dtype=torch.float64)}
    return descend(
        context,
        start,
        lambda parameters, examples: [LayerWeights(NAMES, parameters["weights"])] * len(examples),
        Schedule(epochs, rate=0.05, warmup=0.2, batch=1),
    )


def test_steps_lower_the_loss(engine: Engine) -> None:
    context = fit_context(engine)
    found = descended(context)
    zeros_LK = torch.zeros(tiny.LAYERS, 2, dtype=torch.float64)
    before = context.mean_loss(ConstantWeights(NAMES, zeros_LK))
    after = context.mean_loss(ConstantWeights(NAMES, found["weights"]))
    assert after < before - 0.01
    assert len(found[LOSSES]) == 12


def test_an_interrupted_fit_ends_with_the_same_numbers(engine: Engine, tmp_path: Path) -> None:
    whole = descended(fit_context(engine))

    class Stopped(Exception):
        pass

    def stop(what: str, share: float) -> None:
        if share > 0.5:
            raise Stopped

    path = tmp_path / "work.safetensors"
    context = fit_context(engine, KeptWork(path, "key", seconds=0.0))
    with pytest.raises(Stopped):
        descended(FitContext(**{**vars(context), "progress": stop}))
    steps: list[str] = []
    again = FitContext(**{**vars(context), "progress": lambda what, share: steps.append(what)})
    resumed = descended(again)
    assert len(steps) == 5 and steps[0].startswith("step 8 of 12")
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    other = fit_context(engine, KeptWork(path, "another key"))
    assert other.work.read() == {}
    context.work.clear()
    assert not path.exists()


def test_a_parameter_that_no_batch_uses_yet_waits_for_its_turn(
    engine: Engine, tmp_path: Path
) -> None:
    # As each adapter's own gate does, where a batch holds questions of another adapter alone.
    context = fit_context(engine, KeptWork(tmp_path / "work.safetensors", "key", seconds=0.0))
    turn = {example.prompt.ids: str(place) for place, example in enumerate(context.examples)}
    start = {name: torch.zeros(tiny.LAYERS, 2, dtype=torch.float64) for name in ("0", "1", "idle")}
    found = descend(
        context,
        start,
        lambda parameters, examples: [
            LayerWeights(NAMES, parameters[turn[example.prompt.ids]]) for example in examples
        ],
        Schedule(1, rate=0.05, warmup=0.2, batch=1),
    )
    assert torch.count_nonzero(found["0"]) and torch.count_nonzero(found["1"])
    assert torch.equal(found["idle"], start["idle"])
    kept = context.work.read()
    assert "0/exp_avg" in kept and "idle/exp_avg" not in kept
