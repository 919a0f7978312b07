"""LoGo against a pass of the base and whole matrices, and its edge cases."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Unavailable, fuse
from analysis.methods.from_query._logo import shares
from analysis.methods.from_query.logo_entropy import score
from tests import tiny
from tests.slow_rules import base_inputs

# A long prompt form, so that its beginning is kept and does not run again.
FORM = "<bos>" + "The capital of France is Paris. " * 4 + "User: {query}\nAssistant: "
QUERIES = ("Paris", "María tiene 3 manzanas y compra 5 más.")
METHODS = ("logo-norm", "logo-entropy")
QUERY = {
    "llama": "model.layers.2.self_attn.q_proj",
    "phi3": "model.layers.2.self_attn.qkv_proj",
    "gpt-neox": "gpt_neox.layers.2.attention.query_key_value",
    "gpt2": "transformer.h.2.attn.c_attn",
}


def engine_of(folder: Path, adapters: dict[str, dict[str, Any]], family: str = "llama"):
    return tiny.tiny_engine(folder, adapters, family=family, form=FORM)[:2]


def weights(engine: Engine, method: str, query: str = "Paris") -> list[float]:
    """The weights of a method, which are the same in every layer."""
    (row,) = fuse([method], engine.context(engine.prompt(query)))
    assert isinstance(row.policy, ConstantWeights)
    weights_LK = row.policy.over(engine.adapters)
    assert torch.equal(weights_LK, weights_LK[:1].expand(engine.layers, -1))
    return weights_LK[0].tolist()


def slow_scores(method: str, change_O: Tensor) -> float:
    if method == "logo-norm":
        return math.sqrt(sum(value**2 for value in change_O.tolist()))
    largest = max(change_O.tolist())
    terms = [math.exp(value - largest) for value in change_O.tolist()]
    shares = [term / sum(terms) for term in terms]
    return 1 / (-sum(share * math.log(share) for share in shares) + 1e-6)


@pytest.mark.parametrize("family", QUERY)
def test_weights_are_those_of_whole_matrices(family: str, tmp_path: Path) -> None:
    adapters = {"whole": {}, "small": {"rank": 2, "strength": 0.1}, "lower": {"layers": [0, 1]}}
    engine, model = engine_of(tmp_path, adapters, family)
    module = QUERY[family]
    found = {}
    for query in QUERIES:
        x_TI, _ = base_inputs(model, engine.prompt(query).ids, [module])[module]
        for method in METHODS:
            scores = [0.0, 0.0, 0.0]
            for place, name in enumerate(("whole", "small")):
                factor = engine.facts.factors(name)[module]
                scores[place] = slow_scores(method, (factor.b_Or @ factor.a_rI) @ x_TI[-1])
            found[method, query] = weights(engine, method, query)
            expected = [value / sum(scores) for value in scores]
            assert found[method, query] == pytest.approx(expected, rel=1e-9)
            assert found[method, query][2] == 0, "it does not change the last layer"
    assert found["logo-norm", QUERIES[0]] != found["logo-norm", QUERIES[1]]


def test_zeros_copies_and_a_single_adapter(tmp_path: Path) -> None:
    adapters = {"a": {"seed": 5}, "copy": {"seed": 5}, "zero": {"strength": 0.0}}
    engine, _ = engine_of(tmp_path, adapters)
    assert weights(engine, "logo-norm") == [0.5, 0.5, 0.0]
    a, copy, zero = weights(engine, "logo-entropy")
    # The softmax of zeros is uniform: the largest entropy that there is, and no more.
    width = engine.facts.factors("a")[QUERY["llama"]].b_Or.shape[0]
    assert a == copy > zero > 0
    assert zero / a == pytest.approx(entropy_of(engine, "a") / (math.log(width) + 1e-6))
    prompt = engine.prompt("Paris")
    for method in METHODS:
        (row,) = fuse([method], engine.context(prompt, ["zero"]))
        assert isinstance(row.policy, ConstantWeights)
        assert row.policy.weights_LK.tolist() == [[1.0]] * engine.layers


def entropy_of(engine: Engine, adapter: str) -> float:
    """The entropy of an adapter's change, with the paper's small number added."""
    module = QUERY["llama"]
    factor = engine.facts.factors(adapter)[module]
    x_I = engine.context(engine.prompt("Paris")).module_inputs("prompt")[module]
    return 1 / score(factor.b_Or @ (factor.a_rI @ x_I))


@pytest.mark.parametrize("method", METHODS)
def test_where_no_query_projection_is_covered(method: str, tmp_path: Path) -> None:
    adapters = {
        "attention": {"targets": ["v_proj", "o_proj"]},
        "output": {"targets": ["o_proj", "up_proj"]},
        "inner": {"targets": ["up_proj", "down_proj"]},
        "lower": {"layers": [0, 1]},
    }
    engine, _ = engine_of(tmp_path, adapters)
    prompt = engine.prompt("Paris")

    def chosen(*names: str) -> list[float]:
        (row,) = fuse([method], engine.context(prompt, names))
        assert isinstance(row.policy, ConstantWeights)
        return row.policy.weights_LK[0].tolist()

    # The model runs v_proj before o_proj, and `output` has none.
    assert chosen("attention", "output") == [1.0, 0.0]
    both = chosen("output", "inner")
    assert both == [1.0, 0.0]
    for names in (["inner"], ["lower"], ["inner", "lower"]):
        with pytest.raises(Unavailable, match=rf"last layer \(2\).*{names[0]}"):
            chosen(*names)


def test_only_the_largest_count() -> None:
    scores_K = torch.arange(30).double()
    found_K = shares(scores_K)
    assert torch.equal(found_K[:10], torch.zeros(10).double())
    assert torch.allclose(found_K[10:], scores_K[10:] / scores_K[10:].sum())
    assert shares(torch.tensor([1.0, 2.0, 2.0, 2.0]).double(), top=2).tolist() == pytest.approx(
        [0.0, 1 / 3, 1 / 3, 1 / 3]
    ), "all that tie with the last count"
    assert shares(torch.zeros(4).double()).tolist() == [0.25] * 4


def test_an_entropy_of_almost_nothing_keeps_the_score_finite() -> None:
    assert score(torch.tensor([1e4, 0.0, 0.0]).double()) == pytest.approx(1e6)
    assert score(torch.zeros(8).double()) == pytest.approx(1 / (math.log(8) + 1e-6))
