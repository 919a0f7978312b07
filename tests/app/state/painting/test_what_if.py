"""Painting over the weights of the grid, and answers with these weights."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.state.painting.grid_answers import GridAnswers, painted_row, shown_row
from app.state.painting.what_if import SCOPES, Stroke, WhatIfWeights, read_cells, write_cells
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot, with_settings


def _snapshot(adapters: tuple[str, ...], weights: tuple[tuple[float, ...], ...]) -> Snapshot:
    return Snapshot(
        "1", "q", adapters, adapters, weights, weights, (0.5,) * len(weights), ViewSettings()
    )


A = _snapshot(("a", "b"), ((0.2, 0.8), (0.6, 0.4)))


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
    before = WhatIfWeights.over(_snapshot(("a", "b"), ((0.2, 0.8), (0.6, 0.4), (0.1, 0.9))))
    after = before.paint(Stroke(1, 1, 1, 2.0, scope, range(3)))
    assert after.weights == painted and after.touched and not before.touched
    row, _ = painted_row(after)
    assert row.policy.weights_LK.tolist() == [list(row) for row in painted]


@pytest.mark.parametrize("scope", ["layer", "below", "adapter"])
def test_brush_leaves_layers_that_are_not_shown(scope: str) -> None:
    weights = ((0.5, 0.5),) * 4
    stroke = Stroke(1, 1, 1, 2.0, scope, range(1, 3))
    after = WhatIfWeights.over(_snapshot(("a", "b"), weights)).paint(stroke)
    assert after.weights[0] == after.weights[3] == (0.5, 0.5)
    assert after.weights[1][1] == 2.0


def test_a_stroke_is_taken_back_and_a_movement_as_a_whole() -> None:
    before = WhatIfWeights.over(_snapshot(("a", "b"), ((0.5, 0.5),) * 3))
    once = before.paint(Stroke(1, 0, 0, 2.0, "cell", range(3)))
    moved = once
    for layer in range(3):
        moved = moved.paint(Stroke(2 + layer, layer, 1, 1.0, "cell", range(3), drag=7))
    assert moved.undo() == once
    assert moved.undo().undo().weights == before.weights
    assert before.undo() == before


def test_painted_cells_go_through_a_link() -> None:
    snapshot = _snapshot(("a", "b"), ((0.5, 0.5),) * 3)
    painted = WhatIfWeights.over(snapshot).paint(Stroke(1, 0, 1, 0.25, "below", range(3)))
    painted = painted.paint(Stroke(2, 1, 0, 2.0, "cell", range(3)))
    written = write_cells(painted.cells(snapshot))
    assert written == "a:1=2;b:0-2=0.25"
    again = WhatIfWeights.over(snapshot).with_cells(read_cells(written))
    assert again.weights == painted.weights and again.touched
    # Adapters and layers that this run does not have are left out.
    few = WhatIfWeights.over(_snapshot(("b",), ((1.0,),))).with_cells(read_cells(written))
    assert few.weights == ((0.25,),)


def test_old_strokes_stay_painted_but_are_not_kept() -> None:
    numbers = tuple((0.0,) for _ in range(3))
    what_if = WhatIfWeights.over(_snapshot(("a",), numbers))
    for number in range(1000):
        weight = 1.0 + number // 3
        what_if = what_if.paint(Stroke(number, number % 3, 0, weight, "cell", range(3)))
    assert len(what_if.strokes) <= 256 and what_if.touched
    assert what_if.weights == ((334.0,), (333.0,), (333.0,))


@given(
    strokes=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 1),
            st.sampled_from([0.0, 0.5, 1.0, 2.0]),
            st.sampled_from(list(SCOPES)),
        ),
        max_size=6,
    ),
    random=st.randoms(use_true_random=False),
)
def test_strokes_count_in_their_order_however_they_arrive(
    strokes: list[tuple[int, int, float, str]], random: Random
) -> None:
    before = WhatIfWeights.over(_snapshot(("a", "b"), ((0.2, 0.8), (0.6, 0.4), (0.1, 0.9))))
    numbered = [Stroke(number, *stroke, range(3)) for number, stroke in enumerate(strokes)]
    in_order, arrived = before, before
    for stroke in numbered:
        in_order = in_order.paint(stroke)
    for stroke in random.sample(numbered, len(numbered)):
        arrived = arrived.paint(stroke)
    assert arrived == in_order
    expected = [list(row) for row in before.weights]
    for layer, adapter, weight, scope in strokes:
        for row in range(3):
            for column in range(2):
                if {
                    "cell": (row, column) == (layer, adapter),
                    "layer": row == layer,
                    "below": row >= layer and column == adapter,
                    "adapter": column == adapter,
                }[scope]:
                    expected[row][column] = weight
    assert [list(row) for row in arrived.weights] == expected


@pytest.mark.parametrize(
    ("touched", "show", "with_shown", "expected"),
    [
        (False, "weights", False, (False, False)),
        (False, "weights", True, (False, True)),
        (False, "what-if", True, (False, True)),
        (True, "weights", False, (True, False)),
        (True, "what-if", True, (True, False)),
        (True, "weights", True, (True, True)),
    ],
)
def test_shown_and_painted_weights_can_answer(
    touched: bool, show: str, with_shown: bool, expected: tuple[bool, bool]
) -> None:
    what_if = WhatIfWeights.over(A)
    if touched:
        what_if = what_if.paint(Stroke(1, 0, 0, 1.0, "cell", range(2)))
    assert GridAnswers.of(what_if, ["a", "b"], show, with_shown) == GridAnswers(*expected)
    assert GridAnswers.of(what_if, ["b"], show, with_shown) == GridAnswers(False, with_shown)


def test_shown_weights_answer_as_they_are_shown() -> None:
    softly = with_settings(A, ViewSettings(normalisation="softmax", temperature=0.5))
    row, heading = shown_row(softly)
    assert row.policy.weights_LK.tolist() == [list(row) for row in softly.weights]
    assert softly.weights != A.weights and "softmax at T = 0.5" in heading.summary
