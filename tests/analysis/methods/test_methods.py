"""Methods: their weights, and their names."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.inference.mixing.policies import ConstantWeights, Policy
from analysis.measure.context import Context
from analysis.measure.normalisation import normalise
from analysis.methods import Method, Unavailable, fuse, fuse_available, methods, named
from tests.contexts import KnownEngine, known_context

ADAPTERS = ("spanish", "math")
DIVERGENCE_LK = torch.tensor([[1.0, 3.0], [0.0, 0.0], [0.2, 0.0]], dtype=torch.float64)


def engine() -> KnownEngine:
    return KnownEngine(ADAPTERS, DIVERGENCE_LK)


def weights(name: str) -> Tensor:
    """The weights of a method over all adapters, `[layers, adapters]`."""
    (row,) = fuse([name], known_context(engine()))
    assert row.name == name
    assert isinstance(row.policy, ConstantWeights)
    weights_LK = row.policy.over(ADAPTERS)
    assert weights_LK.shape == (3, 2)
    return weights_LK


@pytest.mark.parametrize(
    ("name", "row_K"),
    [
        ("base", [0.0, 0.0]),
        ("static", [0.5, 0.5]),
        ("sum", [1.0, 1.0]),
        ("adapter:math", [0.0, 1.0]),
        ("adapter:spanish", [1.0, 0.0]),
    ],
)
def test_constant_methods(name: str, row_K: list[float]) -> None:
    assert weights(name).tolist() == [row_K] * 3


def test_qa_flora_is_each_adapters_share_of_the_divergence() -> None:
    assert weights("qa-flora").tolist() == [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]
    assert torch.equal(weights("qa-flora"), normalise(DIVERGENCE_LK))


def test_the_mean_of_qa_flora_weighs_all_layers_alike() -> None:
    # The mean over the layers is 0.4 and 1.
    for row_K in weights("qa-flora-mean").tolist():
        assert row_K == pytest.approx([0.4 / 1.4, 1 / 1.4])
    (row,) = fuse(["qa-flora-mean"], known_context(KnownEngine(ADAPTERS, torch.zeros(3, 2))))
    assert isinstance(row.policy, ConstantWeights)
    assert row.policy.weights_LK.tolist() == [[0.5, 0.5]] * 3


def test_methods_that_need_no_divergence_do_not_ask_for_it() -> None:
    known = engine()
    assert len(fuse(["base", "static", "sum", "adapter:math"], known_context(known))) == 4
    assert known.asked == 0
    fuse(["qa-flora"], known_context(known))
    assert known.asked == 1


def test_an_adapter_alone_need_not_be_among_those_that_are_fused() -> None:
    (row,) = fuse(["adapter:math"], known_context(engine(), ("spanish",)))
    assert isinstance(row.policy, ConstantWeights)
    assert row.policy.over(ADAPTERS).tolist() == [[0.0, 1.0]] * 3


def test_every_method_is_found_and_described() -> None:
    found = methods()
    assert set(found) >= {"base", "static", "sum", "qa-flora", "adapter", "arrow"}
    orders = [method.order for method in found.values()]
    assert orders == sorted(orders)
    for name, method in found.items():
        assert method.name == name
        assert method.label and method.summary.endswith(".")


def test_rows_come_in_the_order_they_were_asked_for() -> None:
    rows = fuse(["qa-flora", "base"], known_context(engine()))
    assert [row.name for row in rows] == ["qa-flora", "base"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["magic"], r"'magic'.*base.*qa-flora.*adapter:NAME"),
        (["base:math"], "'base:math'"),
        (["base:"], "'base:'"),
        (["adapter"], "'adapter'"),
        (["adapter:"], r"'adapter:'.*spanish, math"),
        (["adapter:french"], r"'adapter:french'.*spanish, math"),
        (["base", "base"], "'base' is named twice"),
        ([], r"No method.*base"),
    ],
)
def test_names_that_mean_nothing_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        named(names, ADAPTERS)


def test_methods_that_cannot_run_are_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(context: Context, adapter: str) -> Policy:
        raise Unavailable("It needs a file: make it.")

    known = dict(methods())
    known["lacking"] = Method("lacking", "Lacking", "Lacks a file.", lacking)
    monkeypatch.setattr("analysis.methods.methods", lambda: known)
    rows, reasons = fuse_available(["static", "lacking", "sum"], known_context(engine()))
    assert [row.name for row in rows] == ["static", "sum"]
    assert {name: str(reason) for name, reason in reasons.items()} == {
        "lacking": "It needs a file: make it."
    }
    with pytest.raises(Unavailable, match="make it"):
        fuse(["lacking"], known_context(engine()))


def test_every_method_says_what_people_should_know() -> None:
    for method in methods().values():
        assert method.about is not None, method.name
        for part in ("paradigm", "granularity", "needs", "cost", "traps"):
            assert getattr(method.about, part), (method.name, part)
