"""Methods: their weights, and their names."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.measure.normalisation import normalise
from analysis.methods import Reading, fuse, methods, named

ADAPTERS = ("spanish", "math")
DIVERGENCE_LK = torch.tensor([[1.0, 3.0], [0.0, 0.0], [0.2, 0.0]], dtype=torch.float64)


def reading() -> Reading:
    return Reading(ADAPTERS, 3, lambda: DIVERGENCE_LK)


def weights(name: str) -> Tensor:
    (row,) = fuse([name], reading())
    assert (row.name, row.adapters) == (name, ADAPTERS)
    assert row.weights_LK.shape == (3, 2)
    return row.weights_LK


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


def test_methods_that_need_no_divergence_do_not_ask_for_it() -> None:
    def never() -> Tensor:
        raise AssertionError("asked for the divergence")

    names = ["base", "static", "sum", "adapter:math"]
    assert len(fuse(names, Reading(ADAPTERS, 3, never))) == 4


def test_every_method_is_found_and_described() -> None:
    found = methods()
    assert list(found)[:4] == ["base", "static", "sum", "qa-flora"]
    for name, method in found.items():
        assert method.name == name
        assert method.label and method.summary.endswith(".")


def test_rows_come_in_the_order_they_were_asked_for() -> None:
    rows = fuse(["qa-flora", "base"], reading())
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
