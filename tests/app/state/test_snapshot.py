import dataclasses

import pytest

from analysis.measure.normalisation import NORMALISATIONS
from app.state.painting.what_if import Stroke, WhatIfWeights
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot, difference, with_settings
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
    assert view.about == [("for", "“q”")], "both runs have one question"
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


def test_the_same_divergence_is_retaken_with_its_own_reading() -> None:
    other = with_settings(A, ViewSettings("raw", "divergence", "prompt", "js", "top-1", span="1"))
    assert other.view_settings == ViewSettings(
        "norm", "divergence", "query", "kl", "top-1", span="1"
    )
    assert other.weights == ((0.0, 1.0), (1.0, 0.0)) and other.divergence == A.divergence
    assert other.number != A.number and with_settings(other, A.view_settings).weights == A.weights
