import dataclasses

import pytest

from app.look import Look
from app.painting import Painting
from app.picture import Picture, difference


def _picture(adapters: tuple[str, ...], weights: tuple[tuple[float, ...], ...]) -> Picture:
    return Picture("1", "q", adapters, adapters, weights, weights, (0.5,) * len(weights), Look())


A = _picture(("a", "b"), ((0.2, 0.8), (0.6, 0.4)))


def test_difference_is_over_what_both_have() -> None:
    other = _picture(("b", "c"), ((0.5, 0.5), (0.9, 0.1)))
    changed = difference(A, other)
    assert changed is not None and changed.adapters == ("b",)
    assert [row[0] for row in changed.values] == pytest.approx([-0.3, 0.5])


def test_nothing_in_common_is_no_difference() -> None:
    assert difference(A, _picture(("c",), ((1.0,), (1.0,)))) is None
    assert difference(A, _picture(("a",), ((1.0,),))) is None


def test_strongest_cell_is_where_the_lens_says_something() -> None:
    assert A.strongest() == (0, 1)
    assert dataclasses.replace(A, peaks=(1.0, 0.5)).strongest() == (1, 0)


@pytest.mark.parametrize(
    ("scope", "painted"),
    [
        ("cell", ((0.2, 0.8), (0.6, 2.0), (0.1, 0.9))),
        ("layer", ((0.2, 0.8), (2.0, 2.0), (0.1, 0.9))),
        ("below", ((0.2, 0.8), (0.6, 2.0), (0.1, 2.0))),
        ("adapter", ((0.2, 2.0), (0.6, 2.0), (0.1, 2.0))),
    ],
)
def test_brush_paints_what_was_meant(scope: str, painted: tuple[tuple[float, ...], ...]) -> None:
    before = Painting.over(_picture(("a", "b"), ((0.2, 0.8), (0.6, 0.4), (0.1, 0.9))))
    after = before.paint(1, 1, 2.0, scope)
    assert after.weights == painted and after.touched and not before.touched
    assert after.row().weights_LK.tolist() == [list(row) for row in painted]
