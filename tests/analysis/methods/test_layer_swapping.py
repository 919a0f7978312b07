"""Layer swapping: its table by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Unavailable, fuse
from analysis.methods.from_query.layer_swapping import table, task_share
from analysis.models.adapters import Adapter
from analysis.models.collection import AdapterEntry, Kind
from tests.contexts import KnownEngine, known_context


def engine(kinds: dict[str, Kind], layers: int = 10) -> KnownEngine:
    loaded = tuple(
        Adapter(AdapterEntry(name, name, kind, Path()), {}) for name, kind in kinds.items()
    )
    return KnownEngine(tuple(kinds), torch.zeros(layers, len(kinds)), loaded)


def test_the_task_has_the_middle() -> None:
    # Depths 0.05, 0.15, …: the transitions lie at 0.2 to 0.3 and 0.7 to 0.8.
    expected = [0, 0, 0.5, 1, 1, 1, 1, 0.5, 0, 0]
    assert task_share(10).tolist() == pytest.approx(expected)
    assert task_share(1).tolist() == [1]
    assert task_share(3).tolist() == [0, 1, 0]


@given(st.integers(1, 200))
def test_shares_are_weights_and_the_same_from_both_ends(layers: int) -> None:
    share_L = task_share(layers)
    assert float(share_L.min()) >= 0 and float(share_L.max()) <= 1
    assert torch.allclose(share_L, share_L.flip(0), atol=1e-12)
    first_half = share_L[: (layers + 1) // 2]
    assert torch.equal(first_half, first_half.sort().values), "it rises towards the middle"
    sums_L = table(("language", "task", "language", "other"), layers).sum(dim=1)
    assert torch.allclose(sums_L, torch.ones(layers).double())


def test_adapters_of_a_kind_share_alike() -> None:
    kinds: dict[str, Kind] = {"es": "language", "ru": "language", "math": "task", "x": "other"}
    known = engine(kinds)
    (row,) = fuse(["layer-swapping"], known_context(known))
    assert isinstance(row.policy, ConstantWeights)
    weights_LK = row.policy.over(known.adapters)
    assert weights_LK[0].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert weights_LK[2].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.0])
    assert weights_LK[5].tolist() == [0.0, 0.0, 1.0, 0.0]
    (pair,) = fuse(["layer-swapping"], known_context(known, ("math", "es")))
    assert isinstance(pair.policy, ConstantWeights)
    assert pair.policy.weights_LK[[0, 5]].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert known.asked == 0, "the query has no part in it"


@pytest.mark.parametrize(
    ("chosen", "lacking"), [(("es", "ru"), "task"), (("math",), "language"), (("x",), "language")]
)
def test_without_a_language_or_a_task_it_cannot_run(chosen: tuple[str, ...], lacking: str) -> None:
    kinds: dict[str, Kind] = {"es": "language", "ru": "language", "math": "task", "x": "other"}
    with pytest.raises(Unavailable, match=rf"none of {', '.join(chosen)} is a {lacking}: choose"):
        fuse(["layer-swapping"], known_context(engine(kinds), chosen))
