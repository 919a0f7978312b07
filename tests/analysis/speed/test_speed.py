"""The speed command: all ways agree, and what it prints is what it measured."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from analysis.__main__ import main
from analysis.inference.mixing.mixture import Mixture
from analysis.speed import bench, table
from analysis.speed.made_up import as_peft, make_adapters
from analysis.speed.many_adapters import many_adapters
from analysis.speed.timing import Ratio, peak_bytes, ratio
from analysis.speed.ways import Ways
from tests import tiny

RATIOS = (
    "ours_over_floor",
    "naive_over_ours",
    "sequential_over_ours",
    "peft_mixed_over_ours",
    "decode_over_base",
    "decode_over_peft",
)


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "NAIVE_ROUNDS", 1)
    return str(tiny.tiny_collection(tmp_path))


@pytest.mark.parametrize(
    ("half", "naive_seconds", "measured"), [(False, 1e-9, 1), (True, 1e9, tiny.LAYERS)]
)
def test_all_ways_agree_and_every_ratio_has_its_spread(
    collection: str,
    half: bool,
    naive_seconds: float,
    measured: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "has_bfloat16", lambda: half)
    monkeypatch.setattr(bench, "NAIVE_SECONDS", naive_seconds)
    arguments = ["--collection", collection, "--adapters", "3", "--rank", "4"]
    assert main(["speed", *arguments, "--prompt-tokens", "12", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for name in RATIOS:
        low, high = result[f"{name}_spread"]
        assert 0 < low <= result[name] <= high
    assert set(result["disagreement"]) == {"sequential", "peft_mixed", "naive"}
    assert all(0 <= value < 0.01 for value in result["disagreement"].values())
    assert result["naive_layers_measured"] == [measured, tiny.LAYERS]
    assert result["made_up_adapters"] is True
    if half:
        assert 0 < result["bfloat16"]["mean_change"] < result["bfloat16"]["largest_change"]
    else:
        assert result["bfloat16"] is None


def test_a_way_that_computes_something_else_is_told(
    collection: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"sequential": ("last_token", 1.5), "peft_mixed": ("mixed", 1.25)}
    wrong |= {"naive": ("all_tokens", 1.125)}
    for method, factor in wrong.values():
        compute = getattr(Ways, method)
        monkeypatch.setattr(
            Ways, method, lambda *given, c=compute, factor=factor: c(*given) * factor
        )
    arguments = ["--adapters", "2", "--rank", "4", "--prompt-tokens", "6", "--json"]
    assert main(["speed", "--collection", collection, *arguments]) == 0
    found = json.loads(capsys.readouterr().out)["disagreement"]
    expected = {way: factor - 1 for way, (_, factor) in wrong.items()}
    assert found == pytest.approx(expected, rel=0.04)


def test_a_ratio_is_taken_round_by_round() -> None:
    # The ratio of the medians is 3 / 2.
    assert ratio([2.0, 12.0, 3.0], [1.0, 2.0, 3.0]) == Ratio(median=2.0, low=1.0, high=6.0)


def test_the_peak_is_the_memory_that_a_way_touches() -> None:
    size = 64 * 2**20

    def way() -> None:
        held = torch.ones(size // 4)
        for _ in range(30):  # long enough to be seen
            held.sum()

    assert 0.9 * size < peak_bytes(way) < 2 * size


def test_made_up_adapters_are_the_same_to_peft_and_no_two_alike() -> None:
    base = tiny.model("llama", dtype=torch.float64)
    first, second = make_adapters(base, 2, rank=3)
    assert len(first.factors) == tiny.LAYERS * len(tiny.linears("llama"))
    ids_RT = torch.tensor([[2, 40, 50, 60]])
    peft = as_peft(copy.deepcopy(base), [first, second], rank=3)
    found = []
    for place, adapter in enumerate((first, second)):
        peft.set_adapter(adapter.name)
        with torch.inference_mode():
            expected = peft(ids_RT).logits
            with Mixture(base, [first, second]).rows(_only(place)).on():
                found.append(base(ids_RT).logits)
        torch.testing.assert_close(found[-1], expected, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(*found)


def _only(place: int) -> torch.Tensor:
    weights_RLK = torch.zeros(1, tiny.LAYERS, 2)
    weights_RLK[:, :, place] = 1.0
    return weights_RLK


@pytest.mark.parametrize("as_json", [True, False])
def test_the_table_changes_one_thing_at_a_time(
    collection: str,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(table, "ROUNDS", 2)
    monkeypatch.setattr(table, "FEWEST_ROUNDS", 2)
    arguments = ["speed", "--collection", collection, "--table", "rank", "vocabulary"]
    assert main(arguments + ["--json"] * as_json) == 0
    out = capsys.readouterr().out
    if not as_json:
        lines = out.splitlines()
        assert len(lines) == 2 + 3 + 2
        assert {line.count("|") for line in lines} == {11}
        return
    costs = json.loads(out)
    assert [cost["setting"]["rank"] for cost in costs] == [8, 16, 64, 16, 16]
    assert costs[4]["vocabulary"] == table.SMALL_VOCABULARY != costs[3]["vocabulary"]
    for cost in costs:
        assert cost["seconds"] > 0 and cost["rounds"] == 2
        for name in ("over_floor", "decode_over_base"):
            assert 0 < cost[name]["low"] <= cost[name]["median"] <= cost[name]["high"]
        # What an adapter adds to so small a model is less than the clock's noise.
        over = cost["over_usual"]
        assert over["low"] <= over["median"] <= over["high"]


def test_a_shortlist_is_timed_and_compared_with_all_adapters(
    collection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--shortlist", "4", "--adapters", "9", "--queries", "2", "--json"]
    assert main(["speed", "--collection", collection, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["adapters"], found["queries"]) == (9, 2)
    # A shortlist of nearly all adapters keeps every leader; none is longer than there are adapters.
    every = ("same_by_relevance", "kept_by_weight", "same_by_weight")
    assert [one["length"] for one in found["recalls"]] == [4, 6, 8]
    assert found["recalls"][2] == {"length": 8, **dict.fromkeys(every, 2)}
    assert found["over_all"]["low"] > 0
    # The model runs for each time that is compared: traces that are kept take a hundredth.
    assert 0.2 < found["over_few"]["median"] < 30 and found["choosing_share"] < 0.95


def test_many_adapters_are_the_own_ones_copies_and_random_ones() -> None:
    base = tiny.model("llama", dtype=torch.float64)
    own = make_adapters(base, 2, rank=3)
    many = many_adapters(own, 20)
    assert [one.name for one in many[:4]] == [*(one.name for one in own), "adapter-0-x0.25", *(
        ["adapter-1-x0.25"]
    )]  # fmt: skip
    assert len({one.name for one in many}) == 20
    module = next(iter(own[0].factors))
    assert torch.equal(many[2].factors[module].b_Or, 0.25 * own[0].factors[module].b_Or)
    noisy = many[2 + 8].factors[module].b_Or - own[0].factors[module].b_Or
    assert many[2 + 8].name == "adapter-0-noise0.3"
    assert float(noisy.std() / own[0].factors[module].b_Or.std()) == pytest.approx(0.3, rel=0.4)
    assert not torch.equal(many[18].factors[module].a_rI, many[19].factors[module].a_rI)


@pytest.mark.parametrize(
    ("option", "value"), [("--adapters", "0"), ("--rank", "999"), ("--prompt-tokens", "5000")]
)
def test_what_is_out_of_range_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speed", option, value]) == 2
    assert f"{option} is {value}: take 1 to" in capsys.readouterr().err
