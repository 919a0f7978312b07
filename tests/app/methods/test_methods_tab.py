"""The Methods tab: what it says of each method, before and after the model is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis import methods as method_files
from analysis.catalogue.groups import groups
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.methods import methods
from analysis.methods._absent import AbsentMethod
from app.methods import methods_service
from app.methods.methods_panel import MethodsPanel, methods_panel
from app.methods.methods_service import MethodsService
from app.server.loader import Loading
from app.widgets.panels import encode
from tests import tiny
from tests.added import added_file
from tests.lacking import LACKING


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[None]:
    with added_file(method_files, tmp_path / "methods" / "lacking.py", LACKING):
        yield


def _states(panel: MethodsPanel) -> dict[str, str]:
    return {entry.name: entry.state for group in panel.groups for entry in group.methods}


def _service(engine: Engine | None, state: str) -> MethodsService:
    loader: Any = SimpleNamespace(engine=engine, now=Loading("", 1.0, state))
    return MethodsService(loader)


def test_every_method_says_all_that_its_file_says() -> None:
    panel = methods_panel(groups(), (), None)
    assert set(_states(panel)) == set(methods())
    entries = {entry.name: entry for group in panel.groups for entry in group.methods}
    for name, method in methods().items():
        entry = entries[name]
        assert (entry.written, entry.summary) == (method.written_name, method.summary)
        said = {fact.heading: fact.text for fact in entry.facts}
        assert method.about is not None
        assert said["Traps"] == method.about.traps
        assert said["A weight belongs to"] == method.about.granularity
    assert entries["adapter"].title == "An adapter alone"
    (paper, *_) = entries["qa-flora"].facts
    assert paper.address == "https://arxiv.org/abs/2512.11366"
    assert "Paper" not in [fact.heading for fact in entries["base"].facts]
    assert "known once the model is loaded" in panel.sentence


def test_absent_methods_say_what_they_need_and_why() -> None:
    one = AbsentMethod("MoLE", "arXiv 2404.13628", "A gate.", "nothing", "No reason.")
    (entry,) = methods_panel((), [one], None).absent
    assert [(fact.heading, fact.text, fact.address) for fact in entry.facts] == [
        ("Paper", "arXiv 2404.13628", "https://arxiv.org/abs/2404.13628"),
        ("Needs", "Nothing.", ""),
        ("Why not here", "No reason.", ""),
    ]


@pytest.mark.usefixtures("lacking")
def test_once_the_model_is_loaded_each_method_says_whether_it_can_run(tmp_path: Path) -> None:
    waiting = _service(None, "loading")
    waiting.find_available()
    assert waiting.waits and set(_states(waiting.panel()).values()) == {"unknown"}
    engine, _, _ = tiny.tiny_engine(tmp_path)
    service = _service(engine, "ready")
    service.find_available()
    assert not service.waits
    panel = service.panel()
    states = _states(panel)
    assert states["lacking"] == "lacks"
    assert {states[name] for name in ("base", "adapter", "qa-flora", "arrow")} == {"runs"}
    runs = list(states.values()).count("runs")
    assert f"{runs} of them can run with these adapters; the others say" in panel.sentence
    (entry,) = (one for group in panel.groups for one in group.methods if one.name == "lacking")
    assert entry.status == ("Cannot run here: It needs methods/lacking.safetensors: fit it.")
    encode(panel)  # plain data


def test_a_model_that_could_not_be_loaded_is_named() -> None:
    service = _service(None, "failed")
    service.find_available()
    assert not service.waits
    assert "The model could not be loaded" in service.panel().fault


def test_a_faulty_list_of_absent_methods_is_found_when_the_page_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> tuple[AbsentMethod, ...]:
        raise InputError("assets/methods_not_here.toml, line 3: it lacks a name.")

    monkeypatch.setattr(methods_service, "absent_methods", broken)
    with pytest.raises(InputError, match="line 3"):
        _service(None, "loading")
