"""X-LoRA and PHATGOOSE: against loops, PEFT's classifier and hooks on the plain base."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft.tuners.xlora.classifier import XLoraClassifier
from peft.tuners.xlora.config import XLoraConfig
from torch import nn

from analysis.inference.mixing.policies import ConstantWeights, ModuleInput
from analysis.inference.mixing.rows import Row
from analysis.learning.fit import FitContext, TrainingExample
from analysis.learning.kept_work import KeptWork
from analysis.methods import Unavailable, fuse, methods
from analysis.methods.trained._examples import at_unit_size
from analysis.methods.trained.phatgoose import GateRule, OwnGateRule, by_module, standardised
from analysis.methods.trained.x_lora import scalings
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.collection import Base
from analysis.models.factors import Factor
from analysis.models.fitted import FittedFiles, origin_of, write_fitted
from tests import tiny
from tests.contexts import KnownEngine, known_context

NAMES = ("spanish", "math")
PAIRS = (("Where is it?", "There.", "spanish"), ("3 + 5?", "The sum is 8.", "math"))
BASE = Base("hub", "tiny", "main")
ORIGIN = origin_of("fit", "data", BASE)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fit_context(engine: Any) -> FitContext:
    examples = tuple(
        TrainingExample(engine.prompt(question), engine.answer_ids(answer), adapter)
        for question, answer, adapter in PAIRS
    )
    return FitContext(
        NAMES, ("language", "task"), {}, examples, engine, KeptWork(), lambda *_: None
    )


def with_files(engine: Any, folder: Path) -> Any:
    loaded = list(engine.loaded)
    engine.facts = AdapterFacts(loaded, FittedFiles(folder, BASE))
    return engine


def learnt_file(method: str, engine: Any, folder: Path) -> FitContext:
    fit, context = methods()[method].fit, fit_context(engine)
    assert fit is not None
    write_fitted(folder / fit.file, fit.learn(context), ORIGIN)
    with_files(engine, folder)
    return context


@pytest.mark.parametrize("method", ["x-lora", "phatgoose"])
def test_without_a_file_they_name_the_command(method: str, tmp_path: Path) -> None:
    engine = KnownEngine(NAMES, torch.zeros(tiny.LAYERS, 2))
    engine.facts = AdapterFacts((), FittedFiles(tmp_path, BASE))
    with pytest.raises(Unavailable, match=f"fit-method {method} --tasks"):
        fuse([method], known_context(engine))


def test_x_loras_scalings_are_those_of_pefts_classifier() -> None:
    layers, count, width = 3, 4, 8
    config = XLoraConfig(
        hidden_size=width, adapters={str(k): "" for k in range(count)}, xlora_depth=1,
        layerwise_scalings=True,
    )  # fmt: skip
    host: Any = nn.Linear(1, 1).double()
    classifier = XLoraClassifier(host, config, count, layers, torch.device("cpu"))
    state_D = 30 * random(width)
    # The classifier reads the state at size 1.
    size = (sum(value * value for value in state_D.tolist()) / width) ** 0.5
    linear = classifier.layers[0]
    assert isinstance(linear, nn.Linear)
    result = SimpleNamespace(hidden_states=[(state_D / size)[None, None]])
    expected_LK = classifier(result, input_ids=torch.zeros(1, 1).long())[0, 0]
    weight_LKD = linear.weight.detach().unflatten(0, (layers, count))
    bias_LK = linear.bias.detach().unflatten(0, (layers, count))
    found_LK = scalings(state_D, weight_LKD, bias_LK)
    assert torch.allclose(found_LK, expected_LK, atol=1e-12)
    assert torch.allclose(found_LK.sum(dim=1), torch.ones(layers).double())
    zeros_LK = scalings(torch.zeros(width).double(), weight_LKD, torch.zeros_like(bias_LK))
    assert torch.allclose(zeros_LK, torch.full_like(zeros_LK, 1 / count))


def test_x_lora_weighs_each_question_by_its_state_in_the_base(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    file = {f"classifier.{name}": random(3, tiny.WIDTH, seed=n) for n, name in enumerate(NAMES)}
    file |= {f"bias.{name}": random(3, seed=5 + n) for n, name in enumerate(NAMES)}
    write_fitted(tmp_path / "methods/x-lora.safetensors", file, ORIGIN)
    with_files(engine, tmp_path)
    found = []
    for question in ("Where is it?", "3 + 5?"):
        prompt = engine.prompt(question)
        (row,) = fuse(["x-lora"], engine.context(prompt))
        assert isinstance(row.policy, ConstantWeights)
        state = engine.representation(prompt).tolist()
        size = (sum(value * value for value in state) / tiny.WIDTH) ** 0.5
        for layer in range(tiny.LAYERS):
            terms = []
            for name in NAMES:
                gate = file[f"classifier.{name}"][layer].tolist()
                score = sum(c * x / size for c, x in zip(gate, state, strict=True))
                terms.append(math.exp(score + float(file[f"bias.{name}"][layer])))
            for place, term in enumerate(terms):
                weight = float(row.policy.weights_LK[layer, place])
                assert weight == pytest.approx(term / sum(terms), rel=1e-9)
        found.append(row.policy.weights_LK)
    assert not torch.allclose(found[0], found[1], atol=0.05)
    (alone,) = fuse(["x-lora"], engine.context(prompt, ["math"]))
    assert isinstance(alone.policy, ConstantWeights)
    assert bool(alone.policy.weights_LK.eq(1).all()), "the softmax is over those that are fused"


def test_x_lora_lowers_the_loss_of_both_questions_below_any_it_began_with(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    fit = learnt_file("x-lora", engine, tmp_path)
    static = ConstantWeights(NAMES, torch.full((tiny.LAYERS, 2), 0.5))
    rows = [fuse(["x-lora"], engine.context(one.prompt))[0].policy for one in fit.examples]
    found = fit.loss(fit.examples, rows)
    assert float(found) < float(fit.loss(fit.examples, [static] * 2)) - 1e-4


def test_phatgooses_rule_equals_a_loop_over_tokens() -> None:
    names, size = ("a", "b", "c", "d"), 6
    raw = {place: random(size, seed=place) for place in (0, 1, 3)}
    rule = GateRule(names, {"m": {place: standardised(gate) for place, gate in raw.items()}})
    x_RTI = 50 * random(2, 3, size, seed=9) + 7
    found_RTK = rule.weights(ModuleInput("m", 0, x_RTI, x_RTI))

    def centred(values: list[float]) -> list[float]:
        mean = sum(values) / size
        deviation = (sum((value - mean) ** 2 for value in values) / size) ** 0.5
        return [(value - mean) / deviation for value in values]

    for row in range(2):
        for token in range(3):
            x = centred(x_RTI[row, token].tolist())
            scores = {
                place: sum(v * u for v, u in zip(centred(gate.tolist()), x, strict=True))
                / size**0.5
                for place, gate in raw.items()
            }
            best = sorted(scores, key=lambda place: -scores[place])[:2]
            total = sum(math.exp(scores[place]) for place in best)
            for place in range(4):
                expected = math.exp(scores[place]) / total if place in best else 0.0
                assert float(found_RTK[row, token, place]) == pytest.approx(expected, abs=1e-12)


def test_phatgooses_edges() -> None:
    def weights(gates: dict[int, torch.Tensor], x_I: torch.Tensor) -> list[float]:
        rule = GateRule(("a", "b", "c"), {"m": gates})
        x_RTI = x_I[None, None]
        return [float(one) for one in rule.weights(ModuleInput("m", 0, x_RTI, x_RTI))[0, 0]]

    x_I, away = torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 0, -1])
    assert weights({1: standardised(x_I)}, x_I) == [0, 1, 0], "alone it has all the weight"
    both = {0: standardised(away), 2: standardised(away)}
    assert weights(both, x_I) == pytest.approx([0.5, 0, 0.5]), "copies tie below 0 too"
    every = {place: standardised(away) for place in range(3)}
    assert weights(every, x_I) == pytest.approx([1 / 3] * 3), "so do more copies than two"
    assert weights(both, torch.ones(3)) == pytest.approx([0.5, 0, 0.5]), "a constant input"
    assert weights({0: torch.zeros(3), 1: torch.zeros(3)}, x_I) == pytest.approx([0.5, 0.5, 0])


@pytest.mark.parametrize("scaled", [standardised, at_unit_size])
def test_states_of_zeros_have_a_gradient(scaled: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x_TI = torch.tensor([[0.0, 0, 0], [1, 2, 4]], requires_grad=True)
    found_TI = scaled(x_TI)
    found_TI.square().mul(torch.tensor([1.0, 2, 3])).sum().backward()
    assert found_TI[0].tolist() == [0, 0, 0]
    assert x_TI.grad is not None and bool(x_TI.grad.isfinite().all()) and bool(x_TI.grad[1].any())


def test_gates_are_laid_out_by_the_names_of_the_modules() -> None:
    def factor(inputs: int) -> Factor:
        return Factor(torch.zeros(2, inputs), torch.zeros(5, 2))

    parts = by_module(torch.arange(5.0), {"up": factor(3), "down": factor(2)})
    assert {name: part.tolist() for name, part in parts.items()} == {
        "down": [0, 1], "up": [2, 3, 4],
    }  # fmt: skip


def gated_logits(base: Any, factors: Any, gates: Any, ids: list[int]) -> torch.Tensor:
    """The base with `sigmoid(v · x) ΔW x` added to each module by a hook."""

    def hook(name: str) -> Callable[..., torch.Tensor]:
        delta_OI = factors[name].b_Or @ factors[name].a_rI

        def add(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            x_TI = inputs[0][0]
            shares = []
            for x_I in x_TI:
                deviation = x_I.std(unbiased=False)
                shares.append(torch.sigmoid(gates[name] @ ((x_I - x_I.mean()) / deviation)))
            return output + (torch.stack(shares).unsqueeze(1) * (x_TI @ delta_OI.T)).unsqueeze(0)

        return add

    modules = dict(base.named_modules())
    handles = [modules[name].register_forward_hook(hook(name)) for name in factors]
    try:
        with torch.no_grad():
            logits: torch.Tensor = base(torch.tensor([ids])).logits[0]
        return logits
    finally:
        for handle in handles:
            handle.remove()


def test_gates_learn_in_an_adapter_alone_times_its_gate(tmp_path: Path) -> None:
    engine, base, _ = tiny.tiny_engine(tmp_path)
    factors = engine.facts.factors("math")
    gate_N = random(sum(one.a_rI.shape[1] for one in factors.values()))
    gates = by_module(gate_N, factors)
    prompt, answer = engine.prompt("3 + 5?"), engine.answer_ids("The sum is 8.")
    (found_T,) = engine.answer_losses([prompt], [answer], [Row("g", OwnGateRule("math", gates))])
    ids = [*prompt.ids, *answer]
    logits_TV = gated_logits(base, factors, gates, ids)
    for place, token in enumerate(answer):
        at_V = logits_TV[len(prompt.ids) - 1 + place]
        assert float(found_T[place]) == pytest.approx(
            float(at_V.logsumexp(0) - at_V[token]), rel=1e-5
        )


def test_phatgooses_gates_lower_the_loss_of_their_own_questions(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    fit = learnt_file("phatgoose", engine, tmp_path)
    fitted = FittedFiles(tmp_path, BASE).read("methods/phatgoose.safetensors")
    assert fitted is not None

    def loss(gates: dict[str, torch.Tensor]) -> float:
        rules = [
            OwnGateRule(name, by_module(gates[name], engine.facts.factors(name))) for name in NAMES
        ]
        return float(fit.loss(fit.examples, rules))

    learnt = {name: fitted.tensors[f"gate.{name}"].double() for name in NAMES}
    assert loss(learnt) < loss({name: torch.zeros_like(gate) for name, gate in learnt.items()})
    first = engine.context(fit.examples[0].prompt)
    (row,), (again,) = fuse(["phatgoose"], first), fuse(["phatgoose"], first)
    assert isinstance(row.policy, GateRule) and row.policy is again.policy
    assert set(row.policy.gates) == set(engine.facts.factors("math"))
    parts = engine.answer(fit.examples[0].prompt, [row], new_tokens=2)
    list(parts)
    (weights,) = parts.policy_weights()
    assert torch.allclose(weights.mean_LK.sum(dim=1), torch.ones(tiny.LAYERS).double())
    assert not weights.constant


def test_gates_of_one_adapter_do_not_depend_on_the_others_questions(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    both = fit_context(engine)
    fit = methods()["phatgoose"].fit
    assert fit is not None
    found = fit.learn(both)
    # The same two questions in a step; only that of the other adapter has another answer.
    math_, other = both.examples[1], both.examples[0]
    changed = FitContext(
        **{
            **vars(both),
            "examples": (TrainingExample(other.prompt, math_.answer, "spanish"), math_),
        }
    )
    again = fit.learn(changed)
    assert torch.allclose(found["gate.math"], again["gate.math"], atol=1e-3)
    assert not torch.allclose(found["gate.spanish"], again["gate.spanish"], atol=1e-3)
