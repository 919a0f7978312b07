"""The Profile tab: its numbers are the command's, it stops where it is told, and lets others go."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from analysis.__main__ import main
from analysis.measure.profile.profile import QueryWeights
from analysis.measure.profile.queries import ListedQuery, queries_in, read_queries
from analysis.measure.weight_settings import WeightSettings
from analysis.models.manifest import load_collection
from app.profile import layout
from app.profile.handlers import Handlers
from app.profile.profile_run import ProfileRun, ProfileState
from app.profile.profile_service import ProfileService, ProfileUpdate
from app.profile.query_lists import in_words, query_lists
from app.profile.query_rows import query_rows
from app.profile.weights_panel import weights_panel
from app.state.link_fields import Field, LinkFields
from app.state.session import Session
from app.state.settings.choices import read_position
from app.state.settings.view_settings import ViewSettings
from app.widgets.panels import encode
from tests.app.visit import Visit
from tests.tiny import tiny_collection

PROBLEMS = query_lists()["es_word_problems"].path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_collection(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def visit(manifest: Path) -> Visit:
    return Visit(load_collection(manifest))


@pytest.fixture
def service(visit: Visit) -> ProfileService:
    return ProfileService(visit.collection, visit.loader, visit.request_queue, LinkFields())


def _read(
    service: ProfileService, state: ProfileState, visit: Visit, queries: Any, most: int = 1000
) -> Iterator[ProfileUpdate]:
    return service.read(state, queries, visit.names, visit.engine.settings, most)


def _statuses(updates: list[ProfileUpdate]) -> list[Any]:
    return [update.status for update in updates if update.status is not None]


def test_a_hundred_word_problems_have_the_numbers_of_the_command(
    manifest: Path, visit: Visit, service: ProfileService, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ProfileState()
    updates = list(_read(service, state, visit, read_queries(PROBLEMS)))
    last = _statuses(updates)[-1]
    assert (last.state, last.text) == ("done", "Read 100 queries")
    assert any("1 of 100 · about" in status.detail for status in _statuses(updates))
    capsys.readouterr()
    assert main(["profile", str(PROBLEMS), "--collection", str(manifest), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["queries"]) == 100
    assert json.loads(service.file(state, "json").text) == printed
    rows = list(csv.DictReader(io.StringIO(service.file(state, "csv").text)))
    assert float(rows[99]["math_late"]) == pytest.approx(
        sum(layer[1] for layer in printed["queries"][99]["weights"][2:])
    )
    # The page writes these numbers, and the words of the command.
    (weights,) = (update.weights for update in updates[-1:] if update.weights)
    mean, spread = printed["mean"][0][0], printed["spread"][0][0]
    assert weights.charts[0].table.rows[0][1] == f"{mean:.2f} ± {spread:.2f}"
    assert weights.sentences[0].startswith("Early (layer 0): ")
    assert updates[-1].rows is not None and len(updates[-1].rows.rows) == 100


def test_stop_keeps_what_is_read(visit: Visit, service: ProfileService) -> None:
    state, queries = ProfileState(), queries_in("How many?\nWho?\nWhy?")
    updates = []
    for update in _read(service, state, visit, queries):
        updates.append(update)
        if update.status is not None and update.status.detail.startswith("2 of 3"):
            state.session.stop()
    assert _statuses(updates)[-1].text == (
        "Stopped: the profile is that of the first 2 of 3 queries."
    )
    assert updates[-1].rows is not None
    assert [row.query for row in updates[-1].rows.rows] == ["How many?", "Who?"]
    assert len(json.loads(service.file(state, "json").text)["queries"]) == 2
    # Stopped before the first query, it leaves the profile before as it is.
    kept = state.run
    steps = _read(service, state, visit, queries)
    next(steps)
    state.session.stop()
    assert _statuses(list(steps))[-1].text == "Stopped before a query was read."
    assert state.run is kept


def test_each_bad_line_is_named_before_any_query_runs(
    visit: Visit, service: ProfileService
) -> None:
    state = ProfileState()
    queries = queries_in("Who?\n" + "word " * 3000 + "\nWhy?\n" + "word " * 3000)
    last = _statuses(list(_read(service, state, visit, queries)))[-1]
    assert last.state == "error" and last.text.startswith("Lines 2 and 4: ")
    assert "shorten it" in last.text and state.run is None
    many = [ListedQuery(1, "Who?")] * (visit.engine.limits.queries + 1)
    last = _statuses(list(_read(service, state, visit, many, 2000)))[-1]
    assert last.text == "There are 1001 queries, and a profile takes at most 1000: take fewer."
    updates = service.read(state, queries_in("Who?"), (), WeightSettings(), 1)
    assert "choose at least one" in _statuses(list(updates))[-1].text


def test_others_go_first_between_two_queries(visit: Visit, service: ProfileService) -> None:
    state, queue = ProfileState(), visit.request_queue
    steps = _read(service, state, visit, queries_in("How many?\nWho?"))
    for update in steps:
        if update.status is not None and update.status.detail == "0 of 2":
            break
    held = [queue.entry() for _ in range(queue.served)]
    entries = [one.__enter__() for one in held]
    try:
        assert queue.position(entries[-1], 0) == 1  # it waits for the profile
        told = next(one.status for one in steps if one.status is not None)
        assert told.text == "Number 1 in the queue"
        assert queue.position(entries[-1], 0) == 0
    finally:
        for one in held:
            one.__exit__(None, None, None)
    assert _statuses(list(steps))[-1].text == "Read 2 queries"


@pytest.fixture
def handlers(visit: Visit, service: ProfileService) -> Handlers:
    with gr.Blocks(analytics_enabled=False):
        parts = layout.build({name: name for name in visit.names}, query_lists(), "")
        return Handlers(parts, service, gr.State(), gr.State())


def _given(handlers: Handlers, state: ProfileState, written: str, most: int = 9) -> dict[Any, Any]:
    parts = handlers.layout
    view = ViewSettings(
        "raw", position="mean", metric="js", normalisation="softmax", temperature=0.5
    )
    return {
        handlers.state: state,
        handlers.session: Session(view_settings=view),
        parts.listed: layout.OWN,
        parts.own: written,
        parts.adapters: handlers.service._collection.names[:2],
        parts.most: most,
    }


def test_a_list_that_cannot_be_read_leaves_stop_to_the_profile_that_runs(
    handlers: Handlers,
) -> None:
    state, stop = ProfileState(), handlers.layout.stop
    running = handlers.read(_given(handlers, state, "How many?\nWho?"))
    assert next(running)[stop].interactive is True
    for written, most in (("", 9), ("Who?", 0)):
        (refused,) = handlers.read(_given(handlers, state, written, most))
        assert list(refused) == [handlers.layout.panels["status"]]
        assert state.session.busy
    handlers.stop({handlers.state: state})
    shown = {part: value for changes in running for part, value in changes.items()}
    assert shown[stop].interactive is False
    assert '"stopped"' in shown[handlers.layout.panels["status"]]


def test_the_tab_reads_with_the_settings_of_explore_and_says_at_which_token(
    handlers: Handlers, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, path = ProfileState(), tmp_path / "queries.txt"
    path.write_text("How many?\nWho?\nWhy?")
    shown: dict[Any, Any] = {}
    for changes in handlers.read(_given(handlers, state, path.read_text(), 2)):
        shown |= changes
    names = ",".join(handlers.service._collection.names[:2])
    given = f"--adapters {names} --limit 2 --lens raw --metric js --normalisation softmax"
    command = f"profile {path} --collection {manifest} {given} --softmax-temperature 0.5 --json"
    capsys.readouterr()
    assert main(command.split()) == 0
    # The command reads the last token of the query, too, where it is told of no position.
    assert json.loads(handlers.service.file(state, "json").text) == json.loads(
        capsys.readouterr().out
    )
    said = json.loads(shown[handlers.layout.panels["weights"]])["sentences"][-1]
    assert said["say"] == "Settings of this profile: {settings}."
    parts = json.dumps(said["facts"])
    assert all(f'"{one}"' in parts for one in ("raw", "last token of the query", "softmax", "0.5"))
    assert "reads the last token of each query" in str(handlers.layout.adapters.info)


def test_saturated_layers_are_hatched_and_rows_say_who_leads() -> None:
    names = ("spanish", "math", "code")
    nan = [math.nan] * 3
    run = ProfileRun(2, 5, names, WeightSettings(position="prompt"), {})
    for query, first in (("a\u202e<b>", [0.2, 0.5, 0.3]), ("c", [0.1, 0.1, 0.8])):
        weights = torch.tensor([nan, first, [0.6, 0.2, 0.2]], dtype=torch.float64)
        run.found.append(QueryWeights(query, weights))
    labels = {name: name.title() for name in names}
    panel = weights_panel(run, labels, range(3))
    (chart,) = panel.charts
    assert chart.table.rows[0][1:] == ["–"] * 3
    assert chart.table.rows[1][1] == "0.15 ± 0.07"
    assert "saturates in every query" in chart.figure["layout"]["meta"]["legend"]["hatched"]
    assert panel.sentences[0].endswith("the lens saturates in every query, so shares mean nothing.")
    fields = LinkFields({"position": Field("at", read_position, "query")})
    rows = query_rows(run, labels, range(3), fields)
    assert rows.link == "at=prompt"
    assert rows.rows[0].shown == "a⟨202E⟩<b>" and rows.rows[0].query == "a\u202e<b>"
    assert [row.bands for row in rows.rows] == [(-1, 1, 0), (-1, 2, 0)]
    assert rows.rows[0].weights == (0.4, 0.35, 0.25)
    for content in (panel, rows):
        encode(content)  # plain data


def test_every_bundled_list_can_be_chosen() -> None:
    lists = query_lists()
    assert next(iter(lists)) == "es_word_problems"
    assert lists["zh_math_test"].label == "Chinese mathematics (test)"
    assert in_words(lists["es_word_problems"]).startswith("100 queries, such as “Lucía recogió")
    for listed in lists.values():
        assert len(read_queries(listed.path)) >= 10
