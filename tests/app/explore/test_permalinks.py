"""Links to what is shown, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from analysis.common.errors import InputError
from analysis.inference.decoding.sampling import Sampling
from analysis.models.manifest import load_collection
from app.explore import control_column
from app.explore.controls import Controls, answer_settings_of, view_settings_of
from app.explore.permalinks import Permalinks, part_fields
from app.server.loader import Loader
from app.services.view_service import ViewService
from app.state import link_fields
from app.state.link_fields import Field, LinkFields
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.views.export_panel import ExportPanel, Permalink
from app.widgets.labels import labels_of
from tests.tiny import tiny_collection

NAMES = ("spanish", "math", "code")
ANSWERS = AnswerSettings(("base", "qa-flora"), 32, Sampling(), "raw")
SNAPSHOT = Snapshot(
    "stored",
    "How many?",
    NAMES,
    NAMES,
    ((1.0, 2.0, 1.0),),
    ((0.25, 0.5, 0.25),),
    (0.5,),
    ViewSettings(),
)


@pytest.fixture(scope="module")
def permalinks(tmp_path_factory: pytest.TempPathFactory) -> Permalinks:
    collection = load_collection(tiny_collection(tmp_path_factory.mktemp("addresses")))
    controls = Controls()
    with gr.Blocks(analytics_enabled=False):
        controls.add("query", gr.Textbox(), "question", Field("q", link_fields.query, ""))
        control_column.build(controls, collection, labels_of(collection), stored=False)
    view_service = ViewService(Loader(lambda progress: None), {})  # type: ignore[arg-type, return-value]
    return Permalinks(LinkFields({**controls.link_fields, **part_fields()}), view_service)


def _session(view_settings: ViewSettings | None = None) -> Session:
    session = Session(view_settings=view_settings or ViewSettings())
    session.show(replace(SNAPSHOT, view_settings=session.view_settings))
    return session


def _text(panel: ExportPanel) -> str:
    assert isinstance(panel.link, Permalink)
    return panel.link.text


def _link(permalinks: Permalinks, session: Session) -> dict[str, str]:
    return link_fields.pairs(_text(permalinks.export_panel(session)))


def test_the_stored_example_has_a_link_and_its_page_keeps_its_address(
    permalinks: Permalinks,
) -> None:
    view = permalinks.export_panel(_session(ViewSettings(show="divergence")))
    assert link_fields.pairs(_text(view)) == {"q": "How many?", "show": "divergence"}
    assert view.run == 0 and view.ready
    assert permalinks.export_panel(Session()) == ExportPanel.empty()


def test_a_link_restores_the_question_and_all_settings_of_a_run(permalinks: Permalinks) -> None:
    session = _session(ViewSettings("raw", "divergence", "prompt", "js", "softmax", 0.5, "1-2"))
    methods = ("base", "qa-flora", "adapter:code", "adapter:math")
    answer_settings = AnswerSettings(methods, 32, Sampling(0.7, 0.9, 5), "raw")
    session.run = Run(3, "How many?", None, (), answer_settings, None, None)  # type: ignore[arg-type]
    link = _link(permalinks, session)
    again = Session()
    values, shown = permalinks.open(again, link)
    assert again.linked.waits and not shown
    assert (values["query"], values["adapters"]) == ("How many?", list(NAMES))
    assert view_settings_of(values) == session.view_settings
    assert answer_settings_of(values) == replace(
        answer_settings,
        methods=("base", "qa-flora", "adapter:math", "adapter:code"),
        reading=session.view_settings.weight_settings,
    )
    assert permalinks.export_panel(session).run == 3


def test_a_link_brings_painted_weights_and_the_selected_cell(permalinks: Permalinks) -> None:
    session = _session(ViewSettings(show="what-if"))
    assert not {"cell", "paint"} & set(_link(permalinks, session)), "nothing is chosen yet"
    session.paint(0, 2, 0.125, "cell")
    session.paint(0, 0, 1.5, "adapter")
    snapshot, what_if = session.snapshot, session.what_if
    assert snapshot is not None and what_if is not None
    given = _link(permalinks, session)
    again = Session()
    permalinks.open(again, given)
    again.show(snapshot)  # the run of the page before does not take them
    assert again.what_if is not None and not again.what_if.touched
    assert again.take_query()
    again.show(snapshot)
    assert again.what_if.touched and again.what_if.weights == what_if.weights
    assert again.cell == session.cell
    assert again.view_settings is not None and not again.linked.paint


def test_a_link_brings_the_pinned_run_and_the_collection(permalinks: Permalinks) -> None:
    session = _session(ViewSettings("raw", metric="js"))
    session.run = Run(2, "How many?", None, (), ANSWERS, None, None)  # type: ignore[arg-type]
    session.pin()
    session.view_settings = ViewSettings(show="difference")
    session.show(replace(SNAPSHOT, query="And now?", view_settings=session.view_settings))
    named = Permalinks(permalinks.fields, permalinks.view_service, name="tiny")
    link = _link(named, session)
    assert link["show"] == "difference" and link["collection"] == "tiny"
    again = Session()
    values, update = named.open(again, link)
    # The page has no pin yet that it could show the difference from.
    assert values["query"] == "And now?" and values["show"] == "weights" and not update
    pin, show = again.take_pin()
    assert pin is not None and show == "difference" and again.take_pin() == (None, "")
    assert pin["query"] == "How many?" and view_settings_of(pin) == ViewSettings("raw", metric="js")
    assert answer_settings_of(pin).methods == ANSWERS.methods
    # Another collection has other numbers, and the page says so where the server lacks it.
    _, update = Permalinks(permalinks.fields, permalinks.view_service, name="other").open(
        Session(), link
    )
    assert "made with the collection “tiny”, which this server does not have" in (
        update["status"].notice
    )


def test_a_link_of_another_collection_leads_to_its_page(permalinks: Permalinks) -> None:
    places = {"tiny": "/collections/tiny-0a/", "full": ""}

    def address_of(name: str) -> str:
        if name == "full":
            raise InputError("This server shows 16 collections already.")
        return places.get(name, "")

    pages: Any = SimpleNamespace(address_of=address_of)
    here = Permalinks(permalinks.fields, permalinks.view_service, name="here", pages=pages)
    session = Session()
    link = {"q": "a&b=c?", "collection": "tiny", "__theme": "dark"}
    values, update = here.open(session, link, new_page=True)
    assert not values and not session.linked.waits  # nothing is asked on the page that is left
    assert update["status"].open == (
        "/collections/tiny-0a/?q=a%26b%3Dc%3F&collection=tiny&__theme=dark"
    )
    _, update = here.open(session, {**link, "collection": "full"})
    assert not update["status"].open and session.linked.waits
    assert "16 collections already" in update["status"].notice
    assert here.open(Session(), {**link, "collection": "here"})[1] == {}


def test_a_link_tells_collections_on_one_base_apart(permalinks: Permalinks) -> None:
    own, other = (
        Permalinks(permalinks.fields, permalinks.view_service, name=f"base.own-{digest}")
        for digest in ("0a0a0a0a", "1b1b1b1b")
    )
    link = _link(own, _session())
    assert link["collection"] == "base.own-0a0a0a0a"
    assert "status" not in own.open(Session(), link)[1]
    assert "its numbers differ" in other.open(Session(), link)[1]["status"].notice
    # Nor is the collection without the adapters that were added to it the same.
    status = own.open(Session(), {**link, "collection": "base"})[1]["status"]
    assert "its numbers differ" in status.notice


@pytest.mark.parametrize("written", ["math", "math:1", "math:3-1=1", "math:1=3", "math:1=nan", "="])
def test_painted_cells_that_cannot_be_read_are_named(permalinks: Permalinks, written: str) -> None:
    values, update = permalinks.open(Session(), {"q": "How many?", "paint": written})
    assert "paint" not in values
    assert "value of paint in the link is not valid" in update["status"].notice


def test_a_difference_to_a_pin_is_linked_as_weights(permalinks: Permalinks) -> None:
    assert "show" not in _link(permalinks, _session(ViewSettings(show="difference")))


def test_a_link_without_a_question_changes_the_view_settings(permalinks: Permalinks) -> None:
    session = _session()
    values, shown = permalinks.open(session, {"show": "divergence", "seed": "many"})
    assert "query" not in values and not session.linked.waits
    assert session.view_settings == ViewSettings(show="divergence")
    assert shown["grid"].title == "Divergence from the base by layer"
    assert "The value of seed in the link is not valid" in shown["status"].notice
    assert permalinks.open(session, {"__theme": "dark"}) == ({}, {})


def test_a_new_page_gets_the_links_own_values_alone(permalinks: Permalinks) -> None:
    """A control that a visitor used before the link was read must keep its value."""
    link = {"q": "How many?", "seed": "7", "lens": "?", "top_p": "2"}
    values, _ = permalinks.open(Session(), link, new_page=True)
    # A value that cannot be used changes no control either.
    assert values == {"query": "How many?", "seed": 7}
    again, _ = permalinks.open(Session(), link)
    assert (again["lens"], again["top_p"]) == ("norm", 1)
    assert set(again) > {"query", "seed", "lens", "top_p", "temperature", "adapters"}


def test_a_link_without_a_question_overrules_no_setting_that_a_visitor_chose_meanwhile(
    permalinks: Permalinks,
) -> None:
    session = _session(ViewSettings(metric="js", show="difference", span="1"))
    values, shown = permalinks.open(session, {"lens": "raw", "seed": "7"}, new_page=True)
    assert values == {"lens": "raw", "seed": 7} and "grid" in shown
    assert session.view_settings == ViewSettings("raw", metric="js", show="difference", span="1")
    permalinks.open(session, {"softness": "2", "layers": "2"}, new_page=True)
    assert session.view_settings.temperature == 2 and session.view_settings.span == "2"
    # In the history, a run comes back as it was: what its link leaves out has its default.
    permalinks.open(session, {"lens": "raw"})
    assert session.view_settings == ViewSettings("raw")


def test_a_question_too_long_for_a_link_is_said(permalinks: Permalinks, tmp_path: Path) -> None:
    session = _session()
    session.snapshot = replace(SNAPSHOT, query="word " * 2000)
    view = permalinks.export_panel(session)
    assert "too long for a link" in view.note and _text(view) == ""
