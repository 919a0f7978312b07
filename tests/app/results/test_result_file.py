"""The result file of a collection: found, missing, damaged, or of other adapters."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.models.collection import Collection
from analysis.models.manifest import COLLECTIONS, load_collection
from app.results.names import Names
from app.results.result_file import path_of, read
from app.results.views.findings_panel import FindingsPanel, findings_panel
from tests.made_results import write_result_file, write_tasks
from tests.tiny import model as tiny_model
from tests.tiny import tiny_collection, write_adapter


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return load_collection(
        tiny_collection(tmp_path / "tiny", ("math", "spanish", "code", "russian", "medical"))
    )


def findings(collection: Collection) -> FindingsPanel:
    return findings_panel(read(collection), collection, Names.of(collection))


def test_a_bundled_collection_has_its_file_among_the_assets() -> None:
    path = path_of(load_collection())
    assert path == COLLECTIONS.parent / "results" / "gemma-3-270m.json"


def test_without_a_file_the_page_says_how_to_make_one(collection: Collection) -> None:
    panel = findings(collection)
    assert panel.state == "missing" and "no results" in panel.sentence
    assert len(panel.commands) == 3 and "--join" in panel.commands[-1]
    assert str(collection.folder) not in " ".join(panel.commands)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "fusion-lens/results", "version": 99}'])
def test_a_damaged_or_newer_file_gives_a_message(collection: Collection, text: str) -> None:
    path_of(collection).write_text(text, encoding="utf-8")
    panel = findings(collection)
    assert panel.state == "failed" and "cannot be shown" in panel.sentence
    assert str(collection.folder) not in panel.sentence


def test_a_good_file_says_what_it_was_made_of(collection: Collection, tmp_path: Path) -> None:
    write_result_file(path_of(collection), collection, write_tasks(tmp_path))
    panel = findings(collection)
    assert (panel.state, panel.warning) == ("found", "")
    assert panel.facts[1:] == ("93 items in 4 tasks", "base", "float32 on CPU", "31 May 2026")
    assert any(value.startswith("SHA-256 ") for _, value in panel.details)


def test_other_adapters_are_named(collection: Collection, tmp_path: Path) -> None:
    write_result_file(path_of(collection), collection, write_tasks(tmp_path))
    write_adapter(collection.adapters[0].folder, tiny_model(), seed=99)
    assert "other files of the adapters" in findings(collection).warning
