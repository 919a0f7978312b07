import json

import pytest
from plotly.graph_objects import Figure

from app import figures

LABELS = ["Math", "<b>Code</b>"]


def _grid(values: list[list[float]], scale: str) -> dict:
    texts = [["a<b>", "%{z}"] for _ in values]
    return figures.grid(values, LABELS, texts, texts, scale=scale, veiled=[1])


@pytest.mark.parametrize("scale", ["weights", "divergence", "difference"])
def test_plotly_takes_the_grid(scale: str) -> None:
    figure = _grid([[0.1, 0.9], [0.0, 1.0], [0.5, 0.5]], scale)
    Figure(figure)  # refuses properties that do not exist
    json.dumps(figure, allow_nan=False)


def test_text_is_escaped() -> None:
    figure = _grid([[0.1, 0.9]], "weights")
    heads = figure["layout"]["xaxis"]["ticktext"]
    assert heads[1].startswith("<b>&lt;b&gt;Code")
    assert figure["data"][0]["customdata"][0] == ["a&lt;b&gt;", "%{z}"]


def test_divergence_is_coloured_by_its_logarithm_and_zero_is_the_lowest() -> None:
    figure = _grid([[1e-3, 0.0], [1.0, 1e-30]], "divergence")
    trace = figure["data"][0]
    assert trace["z"][0] == [-3.0, trace["zmin"]]
    assert trace["zmin"] == -6.0 and trace["zmax"] == 0.0


def test_differences_are_centred() -> None:
    trace = _grid([[-0.2, 0.1]], "difference")["data"][0]
    assert (trace["zmin"], trace["zmax"]) == (-0.2, 0.2)


def test_nothing_different_still_has_a_scale() -> None:
    trace = _grid([[0.0, 0.0]], "difference")["data"][0]
    assert trace["zmin"] < 0 < trace["zmax"]
