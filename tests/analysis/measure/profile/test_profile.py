"""Profiles: numbers computed by hand, lists of queries, and the command against the engine."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.measure.profile import run, students_t
from analysis.measure.profile.files import as_json, to_csv
from analysis.measure.profile.profile import Profile, QueryWeights, profile_of
from analysis.measure.profile.queries import queries_in, read_queries
from analysis.measure.profile.words import band_sentences, move_sentences
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.weight_settings import WeightSettings
from analysis.models.manifest import load_collection
from tests import tiny

LABELS = {"math": "Mathematics", "es": "Spanish", "ru": "Russian"}
GROUPS = {"the sum of all languages": ("es", "ru")}
# Three layers, a band each; the second query saturates in the first layer.
WEIGHTS = [
    [[0.2, 0.5, 0.3], [0.8, 0.1, 0.1], [0.4, 0.4, 0.2]],
    [[math.nan] * 3, [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]],
]


def made() -> Profile:
    queries = [
        QueryWeights(f"=q{number}", torch.tensor(weights, dtype=torch.float64))
        for number, weights in enumerate(WEIGHTS)
    ]
    return profile_of(queries, ("math", "es", "ru"), WeightSettings(), tuple(GROUPS.values()))


def test_means_spreads_bands_and_moves_are_those_of_a_hand() -> None:
    profile = made()
    cell = profile.weights[1][0]  # 0.8 and 0.6
    assert (cell.mean, cell.spread) == pytest.approx((0.7, 0.1 * math.sqrt(2)))
    # Two queries leave one degree of freedom: 12.706 standard errors, and not 1.96.
    reach = 12.7062 * 0.1
    assert (cell.low, cell.high) == pytest.approx((0.7 - reach, 0.7 + reach), rel=1e-5)
    assert profile.counts == (1, 2, 2) and profile.weights[0][1].mean == 0.5
    alone = profile.weights[0][1]  # of one query
    assert all(math.isnan(one) for one in (alone.spread, alone.low, alone.high))
    assert [(band.name, band.first, band.last) for band in profile.bands] == [
        ("early", 0, 0), ("middle", 1, 1), ("late", 2, 2)
    ]  # fmt: skip
    assert [band.led for band in profile.bands] == [(0, 1, 0), (2, 0, 0), (1, 1, 0)]
    moves = {(move.end, move.adapters): move for move in profile.moves}
    spanish = moves["late", ("es",)]  # 0.4 − 0.1 and 0.7 − 0.3
    assert (spanish.change.mean, spanish.rises) == (pytest.approx(0.35), 2)
    both = moves["late", ("es", "ru")]  # (0.6 − 0.2) and (0.8 − 0.4)
    assert both.change.mean == pytest.approx(0.4) and both.change.spread == pytest.approx(0)
    early = moves["middle", ("es",)]  # the first query alone: 0.1 − 0.5
    assert (early.change.mean, early.change.count, early.rises) == (pytest.approx(-0.4), 1, 0)


@pytest.mark.parametrize(
    ("freedom", "table"),
    [(1, 12.7062047), (2, 4.3026527), (3, 3.1824463), (4, 2.7764451), (29, 2.0452296),
     (30, 2.0422725), (99, 1.9842170), (1000, 1.9623391)],
)  # fmt: skip
def test_students_t_is_that_of_the_tables(freedom: int, table: float) -> None:
    assert students_t.reach(freedom) == pytest.approx(table, abs=1e-7)
    assert students_t.share_within(table, freedom) == pytest.approx(0.95, abs=1e-7)


def test_words_say_who_leads_and_whether_a_change_is_clear() -> None:
    early, middle, late = band_sentences(made(), LABELS)
    assert early == (
        "Early (layer 0): Spanish has the largest mean weight, 0.50; then Russian, 0.30."
    )
    assert "Middle (layer 1): Mathematics has the largest mean weight, 0.70 ± 0.14" in middle
    assert "leads in 1 of 2 queries" in late
    alone, sentence = move_sentences(made(), LABELS, GROUPS)
    assert "Mathematics changes by +0.60 (no interval: it is read in 1 query only)" in alone
    assert sentence.startswith("From the middle to the late layers: Mathematics falls, by −0.40")
    group = "the sum of all languages rises, by +0.40 (95% interval +0.40 to +0.40; up in 2 of 2"
    assert group in sentence
    spread = [
        QueryWeights(
            str(late), torch.tensor([[0.5, 0.5], [0.5, 0.5], [late, 1 - late]], dtype=torch.float64)
        )
        for late in (0.1, 0.8)
    ]
    unclear = profile_of(spread, ("math", "es"), WeightSettings())
    assert "does not clearly move" in move_sentences(unclear, LABELS, {})[1]


def test_files_hold_the_same_numbers_and_no_formula() -> None:
    profile = made()
    content = json.loads(json.dumps(as_json(profile, "tiny"), allow_nan=False))
    assert content["mean"][1][0] == pytest.approx(0.7) and content["queries_by_layer"] == [1, 2, 2]
    assert content["queries"][1]["weights"][0] == [None, None, None]
    assert content["settings"]["signal"] == "divergence"
    rows = list(csv.DictReader(io.StringIO(to_csv(profile, "tiny"))))
    assert rows[0]["query"] == "'=q0" and rows[1]["math_early"] == ""
    assert float(rows[1]["es_late"]) == 0.7
    assert float(rows[1]["math_mean"]) == pytest.approx(0.4)


def test_saturated_layers_have_no_weights() -> None:
    values_LK = torch.tensor([[1.0, 3.0], [1.0, 1.0]]).double()
    relevance = Relevance(values_LK, torch.tensor([0.5, 1.0]), values_LK)
    found = QueryWeights.of("q", relevance, WeightSettings())
    assert found.weights_LK[0].tolist() == [0.25, 0.75]
    assert bool(found.weights_LK[1].isnan().all()) and found.mean_K.tolist() == [0.25, 0.75]


def test_queries_are_lines_or_fields_of_json_lines(tmp_path: Path) -> None:
    text = ' one \n\n{"id": 1, "instruction": "two"}\n{"query": "three"}\n'
    assert [(one.line, one.text) for one in queries_in(text)] == [
        (1, "one"), (3, "two"), (4, "three")
    ]  # fmt: skip
    lacking = '{"text": "a"}\n'
    for bad, said in (
        (" \n", "no queries"),
        (lacking, "Line 1 has no query"),
        ('{"query": " "}', "Line 1 has no query"),
        ("a\n{braces are no JSON\n", "Line 2 begins with { or .* is no JSON object"),
        ('[\n{"query": "x"},\n{"query": "y"}\n]', "Lines 1 and 2 begin with .* no JSON objects"),
        ('[{"query": "x"}]', "Line 1 begins"),
        (f"a\n{lacking}{lacking}b\n{lacking}", "Lines 2, 3 and 5 have no query"),
        (lacking * 20, "Lines 1, 2, 3, 4, 5, 6, 7, 8 and 12 more have no query"),
    ):
        with pytest.raises(InputError, match=said):
            queries_in(bad)
    path = tmp_path / "latin.txt"
    path.write_bytes("año".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.txt"):
        read_queries(path)


def test_a_line_of_a_list_ends_at_line_feeds_alone_and_an_input_belongs_to_its_query(
    tmp_path: Path,
) -> None:
    path = tmp_path / "list.jsonl"
    text = '{"query": "a\u2028b\u0085c"}\r\n{"instruction": "Sum up", "input": "a text"}\r\n'
    text += '{"instruction": "Alone", "input": ""}\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    texts = ["a\u2028b\u0085c", "Sum up\n\na text", "Alone"]
    for found in (read_queries(path), queries_in(text), queries_in("\ufeff" + text)):
        assert [one.text for one in found] == texts
        assert [one.line for one in found] == [1, 2, 3]


def test_the_command_gives_the_engines_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tiny.tiny_collection(tmp_path / "tiny")
    queries = ("María tiene 3 manzanas.", "Say hello.")
    path = tmp_path / "queries.txt"
    path.write_text("\n".join((*queries, "a third")), encoding="utf-8")
    command = ["profile", str(path), "--collection", str(manifest), "--limit", "2"]
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    engine = Engine.load(load_collection(manifest))
    settings = engine.settings
    each = [settings.weigh(engine.relevance(engine.prompt(one)).values_LK) for one in queries]
    assert torch.allclose(torch.tensor(found["mean"]).double(), torch.stack(each).mean(0))
    assert [one["query"] for one in found["queries"]] == list(queries)
    # Ctrl+C keeps what is read.
    reading = run.read_weights

    def interrupted(*given: Any) -> Iterator[QueryWeights]:
        yield next(reading(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "read_weights", interrupted)
    assert main([*command, "--json"]) == 0
    partial = capsys.readouterr()
    assert json.loads(partial.out)["queries"] == found["queries"][:1]
    assert "interrupted: the first 1 of 2 queries" in partial.err
    assert main([*command[:-1], "0"]) == 2
    assert "--limit is 0" in capsys.readouterr().err
