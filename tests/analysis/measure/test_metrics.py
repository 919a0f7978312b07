"""Invariant 2: divergence against exact arithmetic, and what it must never be."""

from __future__ import annotations

import mpmath
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from analysis.common.errors import InputError
from analysis.measure.metrics import check_metrics, measure_pairs, metric_of, metrics
from analysis.measure.metrics.kl import kl

Distribution = list[mpmath.mpf]
FLOATS = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32], ids=["float64", "float32"]
)
RELATIVE = {torch.float64: 1e-9, torch.float32: 1e-5}


def distributions(base_V: Tensor, shift_V: Tensor) -> tuple[Distribution, Distribution]:
    """Logarithms of p and q with the working precision, from exactly the numbers given."""
    base = [mpmath.mpf(value) for value in base_V.tolist()]
    moved = [old + mpmath.mpf(add) for old, add in zip(base, shift_V.tolist(), strict=True)]
    log_p, log_q = (
        [z - mpmath.log(mpmath.fsum(map(mpmath.exp, logits))) for z in logits]
        for logits in (base, moved)
    )
    return log_p, log_q


def exact_kl(base_V: Tensor, shift_V: Tensor) -> mpmath.mpf:
    """The textbook formula with 50 digits."""
    with mpmath.workdps(50):
        pairs = zip(*distributions(base_V, shift_V), strict=True)
        return mpmath.fsum(mpmath.exp(p) * (p - q) for p, q in pairs)


def pair(seed: int, size: float, dtype: torch.dtype, words: int = 60) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    base_V = 4 * torch.randn(words, generator=generator, dtype=torch.float64)
    shift_V = size * torch.randn(words, generator=generator, dtype=torch.float64)
    return base_V.to(dtype), shift_V.to(dtype)


@FLOATS
@pytest.mark.parametrize("exponent", range(-12, 3))
def test_kl_is_exact_from_1e_12_to_1e2(exponent: int, dtype: torch.dtype) -> None:
    base_V, direction_V = pair(exponent % 7, 1.0, torch.float64)
    low, high = 1e-8, 1e4
    for _ in range(40):  # the size of a shift that gives about this divergence
        middle = (low * high) ** 0.5
        too_small = float(kl(base_V, middle * direction_V[None])[0]) < 10.0**exponent
        low, high = (middle, high) if too_small else (low, middle)
    base_V, shift_V = base_V.to(dtype), (low * direction_V).to(dtype)
    expected = exact_kl(base_V, shift_V)
    assert 0.9 < expected / mpmath.mpf(10) ** exponent < 1.1
    found = kl(base_V, shift_V[None])
    assert found.dtype == torch.float64
    assert abs(mpmath.mpf(float(found[0])) / expected - 1) < RELATIVE[dtype]


@FLOATS
def test_kl_over_a_large_vocabulary_keeps_its_digits(dtype: torch.dtype) -> None:
    base_V, shift_V = pair(1, 1e-5, dtype, words=150_000)  # many chunks, the last not full
    exact = torch.log_softmax(base_V.double(), 0)
    # E_p[e^x − 1 − x] with the first terms of its series: x is at most 1e-4.
    x_V = shift_V.double() - exact.exp() @ shift_V.double()
    expected = float(exact.exp() @ (x_V**2 / 2 + x_V**3 / 6 + x_V**4 / 24))
    assert float(kl(base_V, shift_V[None])[0]) == pytest.approx(expected, rel=1e-5)


def exact_metric(name: str, base_V: Tensor, shift_V: Tensor) -> mpmath.mpf:
    """Another metric by its formula, with 60 digits."""
    with mpmath.workdps(60):
        log_p, log_q = distributions(base_V, shift_V)
        p, q = [[mpmath.exp(value) for value in logs] for logs in (log_p, log_q)]
        if name == "reverse-kl":
            terms = zip(q, log_q, log_p, strict=True)
            return mpmath.fsum(one * (log_one - log_two) for one, log_one, log_two in terms)
        if name == "js":
            middle = [(one + two) / 2 for one, two in zip(p, q, strict=True)]
            return mpmath.fsum(
                one * mpmath.log(one / half) / 2
                for of in (p, q)
                for one, half in zip(of, middle, strict=True)
            )
        squares = [(one - two) ** 2 for one, two in zip(p, q, strict=True)]
        if name == "euclidean":
            return mpmath.sqrt(mpmath.fsum(squares))
        if name == "hellinger":
            roots = zip(map(mpmath.sqrt, p), map(mpmath.sqrt, q), strict=True)
            return mpmath.sqrt(mpmath.fsum((one - two) ** 2 for one, two in roots) / 2)
        dot = mpmath.fsum(one * two for one, two in zip(p, q, strict=True))
        lengths = [mpmath.sqrt(mpmath.fsum(one**2 for one in of)) for of in (p, q)]
        return 1 - dot / lengths[0] / lengths[1]


@pytest.mark.parametrize("name", sorted(set(metrics()) - {"kl"}))
@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.3, 3.0])
def test_other_metrics_are_exact(name: str, size: float) -> None:
    base_V, shift_V = pair(6, size, torch.float64)
    expected = exact_metric(name, base_V, shift_V)
    found = mpmath.mpf(float(measure_pairs([metric_of(name)], base_V, shift_V[None])[0, 0]))
    assert abs(found / expected - 1) < 1e-8


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'distance'.*kl.*js"):
        check_metrics(["kl", "distance"])


@pytest.mark.parametrize("constant", [0.0, 3.0, -1e4])
def test_a_shift_of_all_logits_alike_changes_nothing(constant: float) -> None:
    base_V, shift_V = pair(3, 0.01, torch.float64)
    expected = float(kl(base_V, shift_V[None])[0])
    assert float(kl(base_V, (shift_V + constant)[None])[0]) == pytest.approx(expected, rel=1e-6)
    assert float(kl(base_V, torch.full_like(base_V, constant)[None])[0]) == pytest.approx(
        0, abs=1e-20
    )


def test_a_one_hot_base_is_moved_only_by_its_own_token() -> None:
    base_V = torch.tensor([2000.0, 0.0, 0.0])
    elsewhere, own = torch.tensor([0.0, 5.0, -5.0]), torch.tensor([-2000.0, 0.0, 0.0])
    found = kl(base_V, torch.stack([elsewhere, own]))
    assert float(found[0]) == 0.0
    assert float(found[1]) == pytest.approx(float(exact_kl(base_V, own)), rel=1e-12)


@pytest.mark.parametrize("name", metrics())
def test_no_shift_is_exactly_0_and_equal_shifts_tie(name: str) -> None:
    base_V, shift_V = pair(4, 2.0, torch.float32)
    shift_NV = torch.stack([0 * shift_V, shift_V, shift_V])
    nothing, first, second = measure_pairs([metric_of(name)], base_V, shift_NV)[0]
    assert float(nothing) == 0.0
    assert float(first) == float(second) > 0


_SIZE = st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-50, 50, width=32) | st.just(0.0)


@FLOATS
@pytest.mark.parametrize("name", metrics())
@settings(max_examples=60)
@given(st.lists(st.tuples(_SIZE, _SIZE), min_size=2, max_size=12))
@example([(0.0, 2.0**60), (6.0, 2.0**60), (-36.0, 0.0), (0.0, 2.0**60)])
def test_never_negative_nan_or_infinite(
    name: str, dtype: torch.dtype, logits: list[tuple[float, float]]
) -> None:
    base_V, shift_V = torch.tensor(logits, dtype=dtype).T
    found = measure_pairs([metric_of(name)], base_V, torch.stack([shift_V, 0 * shift_V]))[0]
    assert found.dtype == torch.float64
    assert bool(torch.isfinite(found).all())
    assert float(found[0]) >= 0.0
    assert float(found[1]) == 0.0


@FLOATS
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(-60, 60, width=32), st.floats(-300, 300, width=32)),
        min_size=2,
        max_size=8,
    )
)
def test_large_shifts_are_exact_too(dtype: torch.dtype, logits: list[tuple[float, float]]) -> None:
    base_V, shift_V = torch.tensor(logits, dtype=dtype).T
    expected = float(exact_kl(base_V, shift_V))
    found = float(kl(base_V, shift_V[None])[0])
    assert found == pytest.approx(expected, rel=RELATIVE[dtype] * 10, abs=1e-12)
