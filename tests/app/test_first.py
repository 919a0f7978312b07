import json
from pathlib import Path

import pytest

from analysis.collection import load_collection
from analysis.engine import Engine
from app import first
from app.loader import Loader
from tests.tiny import tiny_collection


def _loader(collection) -> Loader:
    loader = Loader(lambda progress: Engine.load(collection, progress))
    loader.start()
    assert loader.wait(600) is not None, loader.now
    return loader


def test_made_example_comes_back_as_it_was_shown(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    made = first.make(collection, _loader(collection))
    path = tmp_path / "first.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    stored = first.load(collection, path)
    assert stored is not None
    assert stored.picture.weights == made["picture"]["weights"]
    assert stored.answers["rows"][0]["tokens"]
    other = load_collection(tiny_collection(tmp_path / "other", ("math",)))
    assert first.load(other, path) is None


@pytest.mark.base
def test_stored_example_equals_a_fresh_run(embedded_folder: Path) -> None:
    collection = load_collection()
    stored = first.load(collection)
    assert stored is not None, "python -m app.first makes the example for these adapters"
    fresh = first.make(collection, _loader(collection))
    assert fresh["prompt"] == stored.prompt
    assert stored.picture.query == fresh["picture"]["query"]
    told = 0
    for peak, old, new in zip(
        stored.picture.peaks, stored.picture.weights, fresh["picture"]["weights"], strict=True
    ):
        if peak < 0.999:  # where the lens saturates, the shares are round-off, other on other CPUs
            told += 1
            assert old == pytest.approx(new, abs=0.01)
    assert told > 10
    for old, new in zip(stored.answers["rows"], fresh["answers"]["rows"], strict=True):
        assert [token[0] for token in old["tokens"]] == [token[0] for token in new["tokens"]]
