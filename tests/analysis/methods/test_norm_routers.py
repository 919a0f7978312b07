"""SpectR, SEQR and LAG: against whole matrices and whole passes, and their edge cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from analysis.engine import Engine
from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.measure.baseline import neutral_queries
from analysis.measure.changes.map_norms import change_map, map_norms
from analysis.measure.changes.neutral import NeutralChanges
from analysis.methods import fuse
from analysis.methods.routed.arrow import directions_of
from analysis.methods.routed.lag import LagRule
from analysis.methods.routed.seqr import SeqrRule
from analysis.methods.routed.spectr import SpectrRule
from analysis.models.adapters import Factor
from tests import tiny
from tests.slow_rules import Deltas, Weigh, base_inputs, deltas_of, slow_answer

METHODS = ("spectr", "seqr", "lag")
QUERIES = ("Paris", "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?", "def add(")


def slow_spectr(deltas: Deltas, _: Mapping[str, Tensor]) -> Weigh:
    def weigh(module: str, x_TI: Tensor) -> Mapping[str, Tensor]:
        names = [name for name, delta_OI in deltas[module].items() if bool(delta_OI.any())]
        scores_TK = torch.stack([(x_TI @ deltas[module][name].T).norm(dim=1) for name in names], 1)
        weights_TK = torch.zeros_like(scores_TK)
        for weights_K, scores_K in zip(weights_TK, scores_TK, strict=True):
            best = scores_K.sort(descending=True).indices[:3]
            weights_K[best] = scores_K[best].softmax(dim=0)
        return dict(zip(names, weights_TK.T, strict=True))

    return weigh


def slow_seqr(deltas: Deltas, inputs: Mapping[str, Tensor]) -> Weigh:
    def weigh(module: str, x_TI: Tensor) -> Mapping[str, Tensor]:
        scores = {}
        for name, delta_OI in deltas[module].items():
            if bool(delta_OI.any()):
                usual = (inputs[module] @ delta_OI.T).norm(dim=1)
                scores[name] = ((x_TI @ delta_OI.T).norm(dim=1) - usual.mean()) / usual.std()
        return best_of(scores)

    return weigh


def slow_lag(deltas: Deltas, _: Mapping[str, Tensor]) -> Weigh:
    def weigh(module: str, x_TI: Tensor) -> Mapping[str, Tensor]:
        names = [name for name, delta_OI in deltas[module].items() if bool(delta_OI.any())]
        fits_TK = torch.stack(
            [(x_TI @ torch.linalg.svd(deltas[module][name]).Vh[0]).abs() for name in names], 1
        )
        rank_TK = fits_TK.argsort(dim=1, descending=True).argsort(dim=1)
        return best_of(
            {
                name: (x_TI @ deltas[module][name].T).norm(dim=1).where(rank_TK[:, place] < 3, -1)
                for place, name in enumerate(names)
            }
        )

    return weigh


def best_of(scores: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """1 at each token for the adapter with the largest score."""
    best_T = torch.stack(list(scores.values())).argmax(dim=0)
    return {name: (best_T == place).double() for place, name in enumerate(scores)}


SLOW = {"spectr": slow_spectr, "seqr": slow_seqr, "lag": slow_lag}


def engine_of(folder: Path, family: str, dtype: torch.dtype = torch.float64):
    """Five adapters: of several ranks, of one module, of some layers, and of zeros."""
    first, *_, last = tiny.linears(family)
    adapters = {
        "whole": {},
        "first": {"rank": 2, "targets": [first]},
        "upper": {"rank": 3, "layers": [1, 2], "rank_pattern": {last: 5}},
        "zero": {"strength": 0.0},
        "other": {"strength": 0.2},
    }
    return tiny.tiny_engine(folder, adapters, family=family, stop=(), dtype=dtype)[:2]


@pytest.mark.parametrize("family", ["gemma3", "phi3", "gpt2"])
def test_answers_are_those_of_whole_matrices_and_whole_passes(family: str, tmp_path: Path) -> None:
    engine, model = engine_of(tmp_path, family)
    deltas = deltas_of({name: engine.facts.factors(name) for name in engine.adapters})
    neutral = [
        base_inputs(model, engine.prompt(one).ids, list(deltas)) for one in neutral_queries()
    ]
    inputs = {name: torch.cat([one[name][0][1:] for one in neutral]) for name in deltas}
    prompt = engine.prompt(QUERIES[1])
    rows = fuse(METHODS, engine.context(prompt))
    steps = list(engine.answer(prompt, rows, new_tokens=6))
    answers = []
    for place, method in enumerate(METHODS):
        found = [token.id for step in steps for token in step.tokens if token.row == place]
        slow = slow_answer(model, prompt.ids, deltas, SLOW[method](deltas, inputs), 6)
        assert found == slow[: len(found)] and found, method
        answers.append(found)
    base = slow_answer(model, prompt.ids, {}, SLOW["spectr"]({}, {}), 6)
    assert all(answer != base[: len(answer)] for answer in answers), "the rules change the answer"


def test_padding_and_neighbours_change_nothing(tmp_path: Path) -> None:
    engine, _ = engine_of(tmp_path, "gemma3")
    prompts = [engine.prompt(query) for query in QUERIES for _ in METHODS]
    assert len({len(prompt.ids) for prompt in prompts}) == 3
    rows = [row for prompt in prompts[:: len(METHODS)] for row in fuse(METHODS, context(engine))]
    answers = engine.answer_all(prompts, rows, new_tokens=6, batch_rows=9)
    for prompt, row, answer in zip(prompts, rows, answers, strict=True):
        steps = list(engine.answer(prompt, [row], new_tokens=6))
        assert answer.text == "".join(step.tokens[0].delta for step in steps)
    assert len({id(row.policy) for row in rows}) == len(METHODS), "queries share the rule"


def test_half_precision_answers(tmp_path: Path) -> None:
    engine, _ = engine_of(tmp_path, "gemma3", torch.bfloat16)
    prompt = engine.prompt(QUERIES[1])
    rows = fuse(METHODS, engine.context(prompt))
    answering = engine.answer(prompt, rows, new_tokens=3)
    assert len(list(answering)) >= 1
    for weights in answering.policy_weights():
        # A module's weights sum to 1, and `whole` and `other` cover all modules.
        assert float(weights.mean_LK.sum(dim=1).min()) > 0.5
        zero_L = weights.mean_LK[:, weights.adapters.index("zero")]
        assert float(zero_L.abs().max()) == 0


def context(engine: Engine):
    return engine.context(engine.prompt("Paris"))


def factor(seed: int, rank: int = 4, size: float = 1.0, dtype: torch.dtype = torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return Factor(
        torch.randn(rank, 12, generator=generator, dtype=torch.float64).to(dtype),
        size * torch.randn(20, rank, generator=generator, dtype=torch.float64).to(dtype),
    )


def rule_of(method: str, adapters: Mapping[str, Factor | None]) -> WeightRule:
    """A rule over one module, where all adapters usually change as much; None covers nothing."""
    names = tuple(adapters)
    factors = {name: {"m": made} if made else {} for name, made in adapters.items()}
    norms = map_norms(factors, change_map)
    if method == "spectr":
        return SpectrRule(names, norms)
    if method == "lag":
        return LagRule(names, directions_of(factors), norms)
    one_K, nothing = torch.ones(len(names)).double(), torch.zeros(2, 2, 1, len(names)).double()
    return SeqrRule(
        norms, NeutralChanges(names, {"m": one_K}, {"m": one_K}, nothing, nothing, tokens=2)
    )


def weights(rule: WeightRule, x_RTI: Tensor) -> Tensor:
    return rule.weights(ModuleInput("m", 0, x_RTI, x_RTI))


X_RTI = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("method", METHODS)
def test_adapters_that_change_nothing_get_nothing(method: str) -> None:
    found = weights(
        rule_of(method, {"zero": factor(1, size=0.0), "no": None, "a": factor(2)}), X_RTI
    )
    assert torch.equal(found, torch.tensor([0.0, 0.0, 1.0]).double().expand(2, 3, 3))
    found = weights(rule_of(method, {"zero": factor(1, size=0.0), "no": None}), X_RTI)
    assert torch.equal(found, torch.zeros(2, 3, 2).to(found))


@pytest.mark.parametrize("method", METHODS)
def test_one_adapter_gets_all_the_weight(method: str) -> None:
    assert torch.equal(
        weights(rule_of(method, {"a": factor(1)}), X_RTI), torch.ones(2, 3, 1).double()
    )


@pytest.mark.parametrize("method", METHODS)
def test_where_nothing_changes_the_weights_are_equal(method: str) -> None:
    rule = rule_of(method, {name: factor(seed) for seed, name in enumerate("abcd")})
    found = weights(rule, torch.zeros(1, 2, 12).double())
    assert torch.allclose(found, torch.full((1, 2, 4), 0.25).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", METHODS)
def test_copies_of_an_adapter_tie(method: str, dtype: torch.dtype) -> None:
    # Three copies that are the largest, and four with a smaller one before them.
    for names, others in (("abc", 1), ("abcd", 2)):
        made = {f"small{seed}": factor(seed, size=0.01, dtype=dtype) for seed in range(others)}
        rule = rule_of(method, made | {name: factor(9, dtype=dtype) for name in names})
        found = weights(rule, X_RTI.to(dtype))
        copies = found[..., others:]
        assert torch.allclose(copies, copies[..., :1].expand_as(copies), rtol=1e-4)
        assert torch.allclose(found.sum(-1), torch.ones(2, 3).to(found))
        assert float(copies.min()) > 0.9 / len(names)


def test_seqr_takes_the_adapter_that_is_unusual_not_the_largest() -> None:
    made = {"strong": factor(1, size=100.0), "weak": factor(1)}
    norms = map_norms({name: {"m": one} for name, one in made.items()}, change_map)
    own = norms.norms("m", X_RTI[0, 0], ("strong", "weak"))
    # The strong one is as usual; the weak one is two deviations above its mean.
    deviation_K = own / torch.tensor([10.0, 4.0])
    mean_K = own - torch.tensor([0.0, 2.0]) * deviation_K
    nothing = torch.zeros(2, 2, 1, 2).double()
    neutral = NeutralChanges(
        ("strong", "weak"), {"m": mean_K}, {"m": deviation_K}, nothing, nothing, 2
    )
    found = weights(SeqrRule(norms, neutral), X_RTI[:1, :1])
    assert found.flatten().tolist() == [0.0, 1.0]
    assert weights(rule_of("spectr", made), X_RTI[:1, :1]).flatten().tolist() == [1.0, 0.0]


def test_seqr_stays_finite_where_an_adapter_never_varied() -> None:
    norms = map_norms({name: {"m": factor(seed)} for seed, name in enumerate("ab")}, change_map)
    for mean in (0.0, 1.0):
        mean_K, zero_K = torch.tensor([mean, 1.0]).double(), torch.tensor([0.0, 1.0]).double()
        nothing = torch.zeros(2, 2, 1, 2).double()
        neutral = NeutralChanges(("a", "b"), {"m": mean_K}, {"m": zero_K}, nothing, nothing, 2)
        found = weights(SeqrRule(norms, neutral), X_RTI.float())
        assert torch.equal(found.sum(-1), torch.ones(2, 3).to(found))


def test_lag_leaves_the_largest_change_out_if_its_main_direction_does_not_fit() -> None:
    # Its changes are large along both of its directions, and x lies along the second.
    eye = torch.eye(12, dtype=torch.float64)
    wide = Factor(eye[:2], torch.eye(20, 2, dtype=torch.float64) * torch.tensor([101.0, 100.0]))
    small = {
        f"s{place}": Factor(eye[[1]] + place * 0.01, torch.eye(20, 1).double())
        for place in range(3)
    }
    x_RTI = eye[1].view(1, 1, 12)
    found = weights(rule_of("lag", {"wide": wide} | small), x_RTI).flatten()
    assert found[0] == 0 and float(found.sum()) == 1
    assert float(weights(rule_of("spectr", {"wide": wide} | small), x_RTI).flatten()[0]) == 1


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_does_not_blur_close_scores(method: str) -> None:
    made = {name: factor(seed, dtype=torch.bfloat16) for seed, name in enumerate("abcd")}
    rule, x_RTI = rule_of(method, made), X_RTI.bfloat16()
    found, exact = weights(rule, x_RTI), weights(rule, x_RTI.double())
    assert torch.allclose(found.double(), exact.double(), atol=1e-4)
    assert found.dtype == torch.float32
