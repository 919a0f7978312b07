import dataclasses
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measure.normalisation import NORMALISATIONS
from app.state.snapshot import Snapshot, difference, with_settings
from app.state.view_settings import ViewSettings
from app.state.what_if import (
    SCOPES,
    GridAnswers,
    Stroke,
    WhatIfWeights,
    grid_answers,
    painted_row,
    read_cells,
    shown_row,
    write_cells,
)
from app.views import charts_panel
from app.views.grid import grid_views
from app.views.grid.explanation_panel import arithmetic, explanation_panel
from app.views.grid.grid_panel import grid_panel


def _snapshot(adapters: tuple[str, ...], weights: tuple[tuple[float, ...], ...]) -> Snapshot:
    return Snapshot(
        "1", "q", adapters, adapters, weights, weights, (0.5,) * len(weights), ViewSettings()
    )


A = _snapshot(("a", "b"), ((0.2, 0.8), (0.6, 0.4)))


def test_difference_is_over_what_both_have() -> None:
    other = _snapshot(("b", "c"), ((0.5, 0.5), (0.9, 0.1)))
    changed = difference(A, other)
    assert changed is not None and changed.adapters == ("b",)
    assert [row[0] for row in changed.values] == pytest.approx([-0.3, 0.5])


def test_nothing_in_common_is_no_difference() -> None:
    assert difference(A, _snapshot(("c",), ((1.0,), (1.0,)))) is None
    assert difference(A, _snapshot(("a",), ((1.0,),))) is None


def test_a_pin_is_called_by_what_is_other_about_it() -> None:
    pinned = with_settings(A, ViewSettings(normalisation="top-1"))
    shown = with_settings(A, ViewSettings(show="difference"))
    said = grid_views.grid_view(shown, pinned).sentence
    assert said.startswith("Largest differences from “q” (read with largest only): ")
    only = _snapshot(("b", "c"), ((0.5, 0.5), (0.9, 0.1)))
    said = grid_views.grid_view(shown, only).sentence
    assert said.startswith("Largest differences from “q”, for the shared adapter b: b ")
    assert grid_views.grid_view(shown, A).sentence == "No weight differs from “q”."


def test_columns_of_a_difference_know_their_adapters() -> None:
    wide = _snapshot(("c", "a", "b"), ((0.5, 0.1, 0.4), (0.2, 0.2, 0.6)))
    shown = with_settings(wide, ViewSettings(show="difference"))
    seen = grid_views.grid_view(shown, A)
    view = grid_panel(seen, (0, 2), A)
    assert view.columns == ["a", "b"] and view.places == (1, 2)
    assert view.descriptions[0][1] == "layer 0, b: −0.40"
    hover = view.figure["data"][0]["customdata"][0][1].split("<br>")
    assert hover == ["layer 0 · b", "change −0.4000", "weight 0.4000, pinned 0.8000"]
    assert view.about == [("for", "“q”"), ("pinned", "“q”")]
    steps = explanation_panel(seen, 0, 2, None).arithmetic
    assert list(steps[-2:]) == ["pinned: 0.800", "0.400 − 0.800 = −0.400"]
    assert (
        explanation_panel(seen, 0, 0, None)
        .arithmetic[-1]
        .startswith("The pinned run does not have c")
    )
    # The lines are those of the grid's columns, each in its adapter's colour.
    (drawn,) = charts_panel.profile(seen).charts
    colours = [line["line"]["color"] for line in drawn.figure["data"]]
    (alone,) = charts_panel.profile(grid_views.grid_view(wide)).charts
    assert colours == [line["line"]["color"] for line in alone.figure["data"]][1:]
    assert drawn.title == "Change of weight over the layers"
    assert [row[1:] for row in drawn.table.rows] == view.cells


def test_what_shares_no_adapter_is_said_to_and_not_drawn() -> None:
    other = _snapshot(("c",), ((1.0,), (1.0,)))
    seen = grid_views.grid_view(with_settings(A, ViewSettings(show="difference")), other)
    view = grid_panel(seen, (0, 0), other)
    assert "this run and the pinned run “q” share no adapter" in view.sentence
    assert view.layers == 0 and not view.figure["data"] and view.note
    assert charts_panel.profile(seen).charts == ()


def test_where_a_lens_saturates_nothing_is_said_to_lead_or_to_differ() -> None:
    loud = dataclasses.replace(A, peaks=(1.0, 0.5))
    seen = grid_views.grid_view(loud)
    assert seen.sentence == "a leads in layer 1."
    assert "Mean weight over the layers: a 60%, b 40%." in seen.note
    assert "not that it knows more" in seen.caveat
    assert seen.averages == ["mean 60%", "mean 40%"]
    assert (
        list(seen.greyed) == [0]
        and "Layer 0: the model is certain here, shares mean nothing." in seen.note
    )
    # In either picture.
    other = _snapshot(("a", "b"), ((0.9, 0.1), (0.5, 0.5)))
    for shown, pinned in ((loud, other), (other, loud)):
        seen = grid_views.grid_view(with_settings(shown, ViewSettings(show="difference")), pinned)
        assert list(seen.greyed) == [0] and seen.note
        trace = grid_panel(seen, None, pinned).figure["data"][0]
        assert trace["zmax"] == pytest.approx(0.1)  # what is shaded sets no scale
        assert "in layer 1" in seen.sentence and "in layer 0" not in seen.sentence
    silent = dataclasses.replace(A, peaks=(1.0, 1.0))
    assert "certain in every layer" in grid_views.grid_view(silent).sentence
    assert not grid_views.grid_view(silent).averages


def test_painted_weights_are_shown_as_such() -> None:
    loud = dataclasses.replace(with_settings(A, ViewSettings(show="what-if")), peaks=(1.0, 0.5))
    painted = WhatIfWeights.over(loud).paint(Stroke(1, 0, 1, 2.0, "cell", range(2))).weights
    seen = grid_views.grid_view(loud, None, painted)
    view = grid_panel(seen, (0, 1))
    trace = view.figure["data"][0]
    assert trace["customdata"][0][1].split("<br>")[1:3] == ["painted 2.00", "weight 0.8000"]
    assert "painted" not in trace["customdata"][0][0]
    assert trace["zmax"] == 2.0
    assert explanation_panel(seen, 0, 1, None).arithmetic[-1] == "painted weight: 2.00"
    assert explanation_panel(seen, 0, 0, None).arithmetic[-1].endswith("= 0.200")
    (drawn,) = charts_panel.profile(seen).charts
    assert drawn.figure["data"][1]["y"][0] == 2.0
    assert drawn.figure["layout"]["yaxis"]["title"]["text"] == "painted weight"


def _result(line: str) -> float:
    expression, result = line.split(" = ")
    assert eval(expression.replace("·", "*")) == pytest.approx(float(result), abs=0.002)
    return float(result)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_the_arithmetic_can_be_done_again(name: str) -> None:
    divergence = ((0.21, 0.8, 0.03, 0.4, 0.11, 0.02), (0.5, 0.5, 0.0, 0.0, 0.0, 0.0))
    names = tuple("abcdef")
    wide = Snapshot("1", "q", names, names, divergence, divergence, (0.5, 0.5), ViewSettings())
    snapshot = with_settings(
        dataclasses.replace(wide, view_settings=ViewSettings(normalisation="none")),
        ViewSettings(normalisation=name, temperature=0.3),
    )
    for layer, row in enumerate(snapshot.weights):
        for place, weight in enumerate(row):
            assert _result(arithmetic(snapshot, layer, place)[-1]) == pytest.approx(
                weight, abs=0.0006
            )


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_where_no_adapter_moves_the_base_the_arithmetic_says_so(name: str) -> None:
    divergence = ((1.1e-31, 0.0), (0.0, 0.0), (0.5, 0.25))
    quiet = Snapshot("1", "q", ("a", "b"), ("a", "b"), divergence, (), (0.5,) * 3, ViewSettings())
    snapshot = with_settings(
        dataclasses.replace(quiet, view_settings=ViewSettings(normalisation="none")),
        ViewSettings(normalisation=name),
    )
    for layer in (0, 1):
        assert snapshot.weights[layer] == (0.5, 0.5)
        last = arithmetic(snapshot, layer, 0)[-1]
        assert last == "No adapter moves the base here, so each gets 1/2 = 0.500"
    assert "No adapter moves" not in arithmetic(snapshot, 2, 0)[-1]


def test_every_term_of_a_sum_is_named_in_the_order_of_the_columns() -> None:
    divergence = ((0.21, 0.8, 0.03, 0.4, 0.11, 0.02),)
    names = tuple("abcdef")
    wide = Snapshot("1", "q", names, names, divergence, divergence, (0.5,), ViewSettings())
    said = arithmetic(wide, 0, 0)
    assert "sum: a 0.21 + b 0.8 + c 0.03 + d 0.4 + e 0.11 + f 0.02 = 1.57" in said
    assert said[-1].startswith("0.21 / 1.57 = ")


def test_a_softmax_is_written_as_it_is_computed() -> None:
    divergence = ((2.0, 1.0),)
    wide = Snapshot("1", "q", ("a", "b"), ("a", "b"), divergence, (), (0.5,), ViewSettings())
    soft = with_settings(
        dataclasses.replace(wide, view_settings=ViewSettings(normalisation="none")),
        ViewSettings(normalisation="softmax"),
    )
    said = arithmetic(soft, 0, 0)
    assert any("The largest d is subtracted" in line for line in said)
    assert "sum: a 1 + b 0.3679 = 1.368" in said  # exp(0) and exp(-1)
    assert said[-1] == "1 / 1.368 = 0.731"


def test_strongest_cell_is_where_the_lens_says_something() -> None:
    assert A.strongest() == (0, 1)
    assert dataclasses.replace(A, peaks=(1.0, 0.5)).strongest() == (1, 0)
    assert dataclasses.replace(A, view_settings=ViewSettings(span="1")).strongest() == (1, 0)


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
    assert grid_answers(what_if, ["a", "b"], show, with_shown) == GridAnswers(*expected)
    assert grid_answers(what_if, ["b"], show, with_shown) == GridAnswers(False, with_shown)


def test_shown_weights_answer_as_they_are_shown() -> None:
    softly = with_settings(A, ViewSettings(normalisation="softmax", temperature=0.5))
    row, heading = shown_row(softly)
    assert row.policy.weights_LK.tolist() == [list(row) for row in softly.weights]
    assert softly.weights != A.weights and "softmax at T = 0.5" in heading.summary


def test_the_same_divergence_is_retaken_with_its_own_reading() -> None:
    other = with_settings(A, ViewSettings("raw", "divergence", "prompt", "js", "top-1", span="1"))
    assert other.view_settings == ViewSettings(
        "norm", "divergence", "query", "kl", "top-1", span="1"
    )
    assert other.weights == ((0.0, 1.0), (1.0, 0.0)) and other.divergence == A.divergence
    assert other.number != A.number and with_settings(other, A.view_settings).weights == A.weights


@given(st.text("0123456789 -–.to", max_size=9) | st.text(max_size=9), st.integers(1, 9))
def test_some_layers_are_always_shown(span: str, count: int) -> None:
    view_settings = ViewSettings(span=span)
    shown = view_settings.layers(count)
    assert 0 <= shown.start < shown.stop <= count
    assert not view_settings.span_fault(count) or shown == range(count)


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        ("", range(9)),
        ("2-4", range(2, 5)),
        ("3–", range(3, 9)),
        ("2 to 8", range(2, 9)),
        ("5", range(5, 6)),
    ],
)
def test_layers_are_taken_as_they_are_written(span: str, shown: range) -> None:
    view_settings = ViewSettings(span=span)
    assert view_settings.layers(9) == shown and not view_settings.span_fault(9)


@pytest.mark.parametrize(
    ("span", "remedy"),
    [
        ("the middle", "a range such as 6–11"),
        ("0,3", "a range such as 6–11"),
        ("-1", "a range such as 6–11"),
        ("99", "the layers are 0–8"),
        ("2–9", "the layers are 0–8"),
        ("9–", "the layers are 0–8"),
        ("8-3", "the lower number first, 3–8"),
    ],
)
def test_layers_that_cannot_be_used_are_named_with_the_remedy(span: str, remedy: str) -> None:
    view_settings = ViewSettings(span=span)
    assert view_settings.layers(9) == range(9)
    fault = view_settings.span_fault(9)
    assert f"“{span}” cannot be used" in fault and remedy in fault
    # The range before stays in its place.
    kept, why = view_settings.kept_span(ViewSettings(span="2-4"), 9)
    assert kept.layers(9) == range(2, 5) and kept.span == "2-4"
    assert remedy in why and why.endswith("Layers 2–4 stay shown.")


def test_the_number_of_layers_is_no_layer() -> None:
    kept, why = ViewSettings(span="18").kept_span(ViewSettings(span="17"), 18)
    assert kept.layers(18) == range(17, 18)
    assert "the layers are 0–17" in why and why.endswith("Only layer 17 stays shown.")
    assert ViewSettings(span="17").kept_span(ViewSettings(), 18) == (ViewSettings(span="17"), "")
