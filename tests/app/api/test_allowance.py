"""What the programs of one address may ask of a public server."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import SimpleNamespace

import gradio as gr
import pytest

from analysis.common.errors import InputError
from app.api.endpoints import Endpoints
from app.api.turns import Turns
from app.page import build
from app.server.clients.allowance import Allowance
from app.server.pages import Pages
from app.server.request_queue import RequestQueue


def asks(address: str, session: str = "one") -> gr.Request:
    return SimpleNamespace(  # type: ignore[return-value]
        client=SimpleNamespace(host=address), headers={}, session_hash=session
    )


def test_programs_of_an_address_have_a_few_places_whatever_their_sessions() -> None:
    loader = SimpleNamespace(wait=lambda seconds: "engine")
    turns = Turns(loader, RequestQueue(), Allowance(at_once=2))  # type: ignore[arg-type]

    def enter(address: str, session: str) -> None:
        with turns.asked(asks(address, session)) as program:
            pass
        running.enter_context(turns.turn(program))

    with ExitStack() as running:
        enter("10.0.0.1", "a")
        enter("10.0.0.1", "b")
        with pytest.raises(gr.Error, match="2 requests of programs at your address"):
            enter("10.0.0.1", "c")
        enter("10.0.0.2", "c")
    with ExitStack() as running:
        enter("10.0.0.1", "c")


def test_an_address_asks_so_often_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    allowance = Allowance(a_minute=2)
    allowance.ask("10.0.0.1")
    now = 20.0
    allowance.ask("10.0.0.1")
    with pytest.raises(InputError, match=r"2 times within a minute.*again in 40 s"):
        allowance.ask("10.0.0.1")
    allowance.ask("10.0.0.2")
    now = 60.0
    allowance.ask("10.0.0.1")
    now = 200.0
    allowance.ask("10.0.0.3")
    assert list(allowance._times) == ["10.0.0.3"], "nothing is kept of who asked long ago"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "a name", False),
    ],
)
def test_addresses_of_one_network_count_together(one: str, other: str, same: bool) -> None:
    allowance = Allowance(at_once=1)
    with allowance.place(one):
        if same:
            with pytest.raises(InputError), allowance.place(other):
                pytest.fail("a second place")
        else:
            with allowance.place(other):
                pass
    assert not allowance._now


@pytest.mark.parametrize("public", [False, True])
def test_only_a_public_page_bounds_what_an_address_asks(
    public: bool, site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Turns] = []
    monkeypatch.setattr(
        "app.page.Endpoints",
        lambda collection, turns, *rest: found.append(turns) or Endpoints(collection, turns, *rest),
    )
    pages = Pages(lambda *_: site.engine, public=public)
    build(SimpleNamespace(**vars(site.content) | {"tabs": ()}), site.loader, pages)
    assert (found[0]._allowance is not None) == public
