import json

import pytest
from plotly.graph_objects import Figure

from app.widgets import heatmaps, line_charts, token_heatmap
from app.widgets.colours import HATCH, LINES, SCALES, adapter_colours, colour, contrast

LABELS = ["Math", "<b>Code</b>"]
ZERO = [("weights", 0.0), ("signed weights", 0.5), ("painted", 0.0), ("difference", 0.5)]


def _grid(values: list[list[float]], scale: str) -> dict:
    texts = [["a<b>", "%{z}"] for _ in values]
    return heatmaps.grid(values, LABELS, texts, texts, scale=scale, greyed=[1])


@pytest.mark.parametrize("scale", ["weights", "painted", "divergence", "difference"])
def test_plotly_takes_the_grid(scale: str) -> None:
    figure = _grid([[0.1, 0.9], [0.0, 1.0], [0.5, 0.5]], scale)
    Figure(figure)  # refuses properties that do not exist
    json.dumps(figure, allow_nan=False)


def test_text_is_escaped() -> None:
    figure = _grid([[0.1, 0.9]], "weights")
    heads = figure["layout"]["xaxis"]["ticktext"]
    assert heads[1].startswith("&lt;b&gt;Code")
    assert figure["data"][0]["customdata"][0] == ["a&lt;b&gt;", "%{z}"]


def test_divergence_is_coloured_by_its_logarithm_and_zero_is_the_lowest() -> None:
    figure = _grid([[1e-3, 0.0], [1.0, 1e-30]], "divergence")
    trace = figure["data"][0]
    assert trace["z"][0] == [-3.0, trace["zmin"]]
    assert trace["zmin"] == -6.0 and trace["zmax"] == 0.0


def test_differences_are_centred() -> None:
    trace = _grid([[-0.2, 0.1]], "difference")["data"][0]
    assert (trace["zmin"], trace["zmax"]) == (-0.2, 0.2)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_weight_below_zero_is_told_from_zero(mode: str) -> None:
    def drawn(values: list[list[float]]) -> tuple[list[str], list[str]]:
        figure = _grid(values, "weights")
        trace = figure["data"][0]
        low, high, scale = trace["zmin"], trace["zmax"], trace["meta"]["colours"][mode]
        (row,) = trace["z"]
        colours = [colour(scale, (value - low) / (high - low)) for value in row]
        return colours, figure["layout"]["meta"]["legend"]["marks"]

    (below, above), marks = drawn([[-0.4, 0.5]])
    (zero, plain), _ = drawn([[0.0, 0.5]])
    assert below not in (zero, above) and marks == ["−1", "0", "1"]
    assert drawn([[-0.001, 0.5]])[1] == ["0", "0.5", "1"]  # written as 0.00
    if mode == "light":
        assert above == plain == "#8ea3ea"


@pytest.mark.parametrize("scale", ["weights", "difference"])
def test_layers_that_mean_little_are_grey_and_their_numbers_can_be_read(scale: str) -> None:
    figure = _grid([[0.1, 0.9], [0.0, 1.0]], scale)
    colours, grey, hatch, written = figure["data"]
    assert colours["z"] == [[0.1, 0.9], [None, None]]
    assert grey["z"] == [[None, None], [0.0, 1.0]]
    assert "grey" in next(name for name in SCALES if SCALES[name] is grey["meta"]["colours"])
    assert not figure["layout"].get("shapes"), "nothing fades the numbers"
    assert {round(y) for y in hatch["y"] if y is not None} == {1}
    for mode in ("light", "dark"):
        for trace, row in ((colours, 0), (grey, 1)):
            ends = trace["zmin"], trace["zmax"]
            for column, value in enumerate(trace["z"][row]):
                share = (value - ends[0]) / (ends[1] - ends[0])
                drawn = colour(trace["meta"]["colours"][mode], share)
                ink = written["meta"]["inks"][mode][2 * row + column]
                assert contrast(ink, drawn) >= 4.5
                if trace is grey:
                    assert contrast(ink, HATCH[mode]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("scale", "at"), ZERO)
def test_zero_has_no_hue(scale: str, at: float, mode: str) -> None:
    red, green, blue = bytes.fromhex(colour(SCALES[scale][mode], at)[1:])
    assert max(red, green, blue) - min(red, green, blue) <= 8


def test_a_column_has_the_colour_of_its_adapter_in_the_collection() -> None:
    texts = [["a", "b"]]
    figure = heatmaps.grid([[0.1, 0.9]], LABELS, texts, texts, scale="weights", places=[3, 8])
    lines = line_charts.profile([[0.1, 0.9]], LABELS, measure="weight", log=False, places=[3, 8])
    assert figure["layout"]["meta"]["dots"] == [3, 1]
    for trace, number in zip(lines["data"], [3, 1], strict=True):
        assert trace["line"]["color"] == LINES["light"][number]
        assert f"--adapter-{number}:{LINES['light'][number]};" in adapter_colours()


def test_each_scale_has_a_legend_of_its_ends() -> None:
    def marks(values: list[list[float]], scale: str) -> list[str]:
        return _grid(values, scale)["layout"]["meta"]["legend"]["marks"]

    assert marks([[0.1, 0.9]], "weights") == ["0", "0.5", "1"]
    assert marks([[-0.2, 0.1]], "difference") == ["−0.20", "0", "+0.20"]
    assert marks([[1e-3, 10.0]], "divergence")[::2] == ["1.0·10⁻³", "10.0"]


def test_nothing_different_still_has_a_scale() -> None:
    trace = _grid([[0.0, 0.0]], "difference")["data"][0]
    assert trace["zmin"] < 0 < trace["zmax"]


@pytest.mark.parametrize("log", [False, True])
def test_plotly_takes_the_lines(log: bool) -> None:
    figure = line_charts.profile(
        [[0.1, 0.9], [0.0, 1.0]], LABELS, measure="weight", log=log, greyed=[1]
    )
    Figure(figure)
    assert figure["layout"]["yaxis"]["title"]["text"] == "weight"
    assert figure["data"][0]["y"] == ([0.1, None] if log else [0.1, 0.0])
    assert figure["layout"]["shapes"][0]["x0"] == 0.5
    ends = figure["layout"]["yaxis"].get("range")
    assert ends == (pytest.approx([-1.2, 0.2]) if log else None)
    # Whatever the width of its numbers, the title does not lie on them.
    assert figure["layout"]["yaxis"]["automargin"]
    if log:
        assert figure["layout"]["yaxis"]["ticktext"] == ["0.1", "0.2", "0.5", "1"]


def test_a_logarithmic_axis_has_few_ticks() -> None:
    wide = line_charts.profile([[1e-6, 1.0]], LABELS, measure="x", log=True)["layout"]["yaxis"]
    assert wide["ticktext"] == ["10⁻⁶", "10⁻⁴", "0.01", "1"]
    narrow = line_charts.profile([[3.0, 8.0]], LABELS, measure="x", log=True)["layout"]["yaxis"]
    assert narrow["tickvals"] == [1.0, 2.0, 5.0, 10.0]


def test_tokens_have_a_legend_of_their_colours() -> None:
    hover = [["a", "<b>"], ["c", "d"]]
    figure = token_heatmap.tokens(
        [[0.5, 2e-4], [20.0, 0.0]], ["·a", "<b>"], LABELS, hover, axis="", measure="divergence"
    )
    Figure(figure)
    json.dumps(figure, allow_nan=False)
    (trace,) = figure["data"]
    assert trace["colorbar"]["tickvals"] == [-3, -2, -1, 0, 1]
    assert trace["colorbar"]["ticktext"] == ["10⁻³", "10⁻²", "0.1", "1", "10"]
    assert trace["customdata"][0][1] == "&lt;b&gt;"
    assert figure["layout"]["yaxis"]["ticktext"][1] == "&lt;b&gt;Code&lt;/b&gt;"
