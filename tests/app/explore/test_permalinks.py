"""Links to what is shown, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.inference.decoding import Sampling
from analysis.models.manifest import load_collection
from app.explore.permalinks import Addresses
from app.explore.view_service import Looker
from app.server.loader import Loader
from app.state import link_fields
from app.state.run import Asking, Run
from app.state.session import Session
from app.state.snapshot import Picture
from app.state.view_settings import Look
from tests.tiny import tiny_collection

NAMES = ("spanish", "math", "code")
PICTURE = Picture(
    "stored", "How many?", NAMES, NAMES, ((1.0, 2.0, 1.0),), ((0.25, 0.5, 0.25),), (0.5,), Look()
)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Addresses:
    collection = load_collection(tiny_collection(tmp_path_factory.mktemp("addresses")))
    return Addresses(collection, Looker(Loader(lambda progress: None), {}))  # type: ignore[arg-type, return-value]


def _session(look: Look | None = None) -> Session:
    session = Session(look=look or Look())
    session.show(replace(PICTURE, look=session.look))
    return session


def _link(addresses: Addresses, session: Session) -> dict[str, str]:
    return link_fields.pairs(addresses.of(session)["link"]["text"])


def test_the_stored_example_has_a_link_and_its_page_keeps_its_address(addresses: Addresses) -> None:
    view = addresses.of(_session(Look(show="divergence")))
    assert link_fields.pairs(view["link"]["text"]) == {"q": "How many?", "show": "divergence"}
    assert view["run"] == 0 and view["ready"]
    assert not addresses.of(Session())["ready"]


def test_a_run_comes_back_as_it_was_asked_and_is_looked_at(addresses: Addresses) -> None:
    session = _session(Look("raw", "divergence", "prompt", "js", "softmax", 0.5, "1-2"))
    methods = ("base", "qa-flora", "adapter:code", "adapter:math")
    asking = Asking(methods, 32, Sampling(0.7, 0.9, 5), "raw")
    session.run = Run(3, "How many?", None, asking)  # type: ignore[arg-type]
    link = _link(addresses, session)
    again = Session()
    values, shown = addresses.open(again, link)
    assert again.linked and not shown
    assert values[:2] == ["How many?", list(NAMES)]
    assert Look(*values[2:9]) == session.look
    assert values[9:] == [["base", "qa-flora"], ["adapter:math", "adapter:code"], 32, 0.7, 0.9, 5]
    assert addresses.of(session)["run"] == 3


def test_a_difference_to_a_pin_is_linked_as_weights(addresses: Addresses) -> None:
    assert "show" not in _link(addresses, _session(Look(show="difference")))


def test_settings_alone_are_how_what_is_there_is_looked_at(addresses: Addresses) -> None:
    session = _session()
    values, shown = addresses.open(session, {"show": "divergence", "seed": "many"})
    assert values[0] is None and not session.linked
    assert session.look == Look(show="divergence")
    assert shown["grid"]["title"] == "How far each adapter moves the base"
    assert "The link's seed cannot be used" in shown["status"]["text"]
    assert addresses.open(session, {"__theme": "dark"}) == ([], {})


def test_a_question_too_long_for_a_link_is_said(addresses: Addresses, tmp_path: Path) -> None:
    session = _session()
    session.picture = replace(PICTURE, query="word " * 2000)
    view = addresses.of(session)
    assert "too long for a link" in view["note"] and view["link"]["text"] == ""
