"""A context: each fact is right, computed when a method asks for it, and then kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.measure.baseline import neutral_queries
from analysis.measure.normalisation import weigh
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import counted

QUERY = "María tiene 3 manzanas y compra 5 más."


@pytest.fixture
def made(tmp_path: Path) -> tuple[Engine, PreTrainedModel]:
    engine, model, _ = tiny.tiny_engine(tmp_path, {"spanish": {}, "math": {}, "code": {}})
    return engine, model


def test_nothing_runs_before_a_fact_is_asked_for(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    prompt = engine.prompt(QUERY)
    with counted(model) as calls:
        context = engine.context(prompt, ["math", "code"])
        assert context.available == engine.adapters and context.layers == engine.layers
        context.factors("spanish")
        context.delta_norms()
        assert calls == []
        context.divergence()
        context.module_inputs()
        context.divergence(metric="js")
        context.divergence(lens="raw", position="prompt")
        engine.context(prompt, ["math", "code"]).divergence()
        assert len(calls) == 1


def test_a_trace_that_is_there_is_not_made_again(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    trace = engine.trace(QUERY, ["math"])
    with counted(model) as calls:
        context = engine.context(trace)
        assert context.adapters == ("math",)
        context.divergence()
        context.module_inputs()
        assert calls == []
    with pytest.raises(InputError, match=r"is of math, not of code"):
        engine.context(trace, ["code"])


def test_divergences_are_the_engines(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, _ = made
    prompt = engine.prompt(QUERY)
    context = engine.context(prompt, ["math", "code"], WeightSettings("raw", "prompt"))
    trace = engine.trace(prompt, ["math", "code"])
    expected = engine.divergence(trace, "raw", "prompt")
    assert torch.equal(context.divergence(), expected.values_LK)
    other = engine.divergence(trace, "norm", "query", "js")
    found = context.divergence(lens="norm", position="query", metric="js")
    assert torch.equal(found, other.values_LK)


def test_both_positions_count_alike(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, model = made
    trace = engine.trace(QUERY)
    alone = [engine.divergence(trace, "norm", position, "js") for position in ("query", "prompt")]
    assert not torch.equal(alone[0].values_LK, alone[1].values_LK)
    told: list[float] = []
    with counted(model) as calls:
        found = engine.divergence(
            engine.trace("Paris"), "norm", "both", "js", lambda what, share: told.append(share)
        )
        assert len(calls) == 1 and found.position == "both"
        found = engine.divergence(trace, "norm", "both", "js")
        assert len(calls) == 1
    assert torch.allclose(found.values_LK, (alone[0].values_LK + alone[1].values_LK) / 2)
    assert torch.allclose(found.peak_L, (alone[0].peak_L + alone[1].peak_L) / 2)
    assert told == sorted(told) and told[-1] == 1.0 and 0.5 in told


def test_settings_reach_the_weights_of_qa_flora(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, _ = made
    trace = engine.trace(QUERY)
    settings = WeightSettings("raw", "both", "js", "softmax", 0.5)
    (row,) = fuse(["qa-flora"], engine.context(trace, settings=settings))
    assert isinstance(row.policy, ConstantWeights)
    divergence = engine.divergence(trace, "raw", "both", "js")
    expected_LK = weigh(divergence.values_LK, "softmax", 0.5)
    assert torch.allclose(row.policy.weights_LK.double(), expected_LK, atol=1e-6)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_module_inputs_are_those_of_the_base_alone(family: str, tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, family=family)
    # A long prompt form, so that its beginning is kept and does not run again.
    prompts = [engine.prompt(query) for query in (QUERY, "Paris")]
    for prompt in prompts:
        context = engine.context(prompt)
        for position, place in (("query", prompt.query_last), ("prompt", prompt.last)):
            found = context.module_inputs(position)
            assert set(found) == {
                name for adapter in engine.adapters for name in context.factors(adapter)
            }
            for name, expected_I in _inputs(model, prompt.ids, place, set(found)).items():
                assert float((found[name] - expected_I).abs().max()) < 1e-10
    assert not any(module._forward_pre_hooks for module in model.modules())


def _inputs(
    model: PreTrainedModel, ids: tuple[int, ...], place: int, names: set[str]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found[name] = inputs[0][0, place].clone()

        return hook

    handles = [
        module.register_forward_pre_hook(keep(name))
        for name, module in model.named_modules()
        if name in names
    ]
    with torch.inference_mode():
        model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return found


def test_sizes_are_the_norms_of_the_changes(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, _ = made
    context = engine.context(engine.prompt(QUERY), ["code", "math"])
    for adapter, norm in zip(("code", "math"), context.delta_norms().tolist(), strict=True):
        squares = [
            float((factor.b_Or @ factor.a_rI).square().sum())
            for factor in context.factors(adapter).values()
        ]
        assert norm == pytest.approx(sum(squares) ** 0.5)


def test_a_baseline_is_the_mean_over_the_neutral_queries(
    made: tuple[Engine, PreTrainedModel],
) -> None:
    engine, model = made
    context = engine.context(engine.prompt(QUERY), ["math", "code"])
    told: list[str] = []
    with counted(model) as calls:
        found = engine.baseline(["math", "code"], progress=lambda what, share: told.append(what))
        assert len(calls) == len(neutral_queries()) == found.queries
        assert context.baseline() is found
        assert len(calls) == found.queries
    assert told[0].startswith("neutral query 1 of")
    first = engine.prompt(neutral_queries()[0])
    assert engine.kept_trace(first, ("math", "code")) is None, "visitors' traces need the room"
    values = torch.stack(
        [
            engine.divergence(engine.trace(query, ["math", "code"])).values_LK
            for query in neutral_queries()
        ]
    )
    assert torch.allclose(found.mean_LK, values.mean(dim=0))
    assert torch.allclose(found.deviation_LK, values.std(dim=0))


def test_derived_values_are_made_once(made: tuple[Engine, PreTrainedModel]) -> None:
    engine, _ = made
    first, second = (engine.context(engine.prompt(query)) for query in (QUERY, "Paris"))
    made_values: list[int] = []

    def make() -> int:
        made_values.append(1)
        return len(made_values)

    assert first.derived("mine", make) == second.derived("mine", make) == 1
    assert first.derived("other", make) == 2


def test_no_value_waits_while_another_is_made(made: tuple[Engine, PreTrainedModel]) -> None:
    facts = made[0].facts

    def slow() -> int:
        quick = threading.Thread(target=facts.derived, args=("quick", lambda: 1), daemon=True)
        quick.start()
        quick.join(10)
        return int(quick.is_alive())

    assert facts.derived("slow", slow) == 0


def test_a_method_may_compute_gradients_with_the_inputs_of_modules(
    made: tuple[Engine, PreTrainedModel],
) -> None:
    engine, _ = made
    inputs = engine.context(engine.prompt(QUERY)).module_inputs()
    assert inputs and not any(input_I.is_inference() for input_I in inputs.values())


def test_neutral_queries_belong_to_no_domain() -> None:
    queries = neutral_queries()
    assert len(queries) >= 10 and len(set(queries)) == len(queries)
    assert not any(character.isdigit() for query in queries for character in query)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"adapters": ["french"]}, "'french'"),
        ({"settings": WeightSettings(lens="blurred")}, "'blurred'"),
        ({"settings": WeightSettings(position="middle")}, "'middle'"),
        ({"settings": WeightSettings(position="mean")}, "'mean'"),
        ({"settings": WeightSettings(metric="miles")}, "'miles'"),
        ({"settings": WeightSettings(normalisation="none")}, "'none'"),
        ({"settings": WeightSettings(temperature=0.0)}, "0.0"),
    ],
)
def test_names_that_are_not_there_are_refused_at_once(
    made: tuple[Engine, PreTrainedModel], given: dict[str, object], message: str
) -> None:
    engine, _ = made
    with pytest.raises(InputError, match=message):
        engine.context(engine.prompt(QUERY), **given)  # type: ignore[arg-type]
