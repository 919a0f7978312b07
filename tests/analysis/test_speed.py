"""The speed command: all ways agree, and what it prints is what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.speed import bench
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


@pytest.mark.parametrize("half", [False, True])
def test_all_ways_agree_and_every_ratio_has_its_spread(
    collection: str,
    half: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "_has_bfloat16", lambda: half)
    arguments = ["--collection", collection, "--adapters", "3", "--rank", "4"]
    assert main(["speed", *arguments, "--prompt-tokens", "12", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for name in RATIOS:
        low, high = result[f"{name}_spread"]
        assert 0 < low <= result[name] <= high
    assert set(result["disagreement"]) == {"sequential", "peft_mixed", "naive"}
    assert all(0 <= value < 0.01 for value in result["disagreement"].values())
    assert result["peak_memory_mb"] >= 0
    if half:
        assert 0 <= result["bfloat16"]["mean_change"] <= result["bfloat16"]["largest_change"] < 0.5
    else:
        assert result["bfloat16"] is None


@pytest.mark.parametrize(
    ("option", "value"), [("--adapters", "0"), ("--rank", "999"), ("--prompt-tokens", "5000")]
)
def test_what_is_out_of_range_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speed", option, value]) == 2
    assert f"{option} is {value}: take 1 to" in capsys.readouterr().err
