"""Who asks, as proxies say it and as visitors claim it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from starlette.requests import Request

from analysis.common.errors import InputError
from app.api.turns import Program
from app.server.clients.allowance import Allowance
from app.server.clients.connections import Receive, Scope, Send
from app.server.clients.proxies import trusted_proxies

BALANCER, ROUTER, VISITOR = "10.16.3.4", "10.20.0.7", "203.0.113.9"


def addresses(trusted: str | None, peer: str, forwarded: list[list[str]]) -> list[str]:
    """Who asks by what a server sees of requests, each with some `X-Forwarded-For` headers."""
    found: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(Program.of(Request(scope)).address)  # type: ignore[arg-type]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def ask() -> None:
        config = uvicorn.Config(app, forwarded_allow_ips=trusted)  # type: ignore[arg-type]
        config.load()
        transport = httpx.ASGITransport(config.loaded_app, client=(peer, 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            for headers in forwarded:
                await client.get("/", headers=[("X-Forwarded-For", one) for one in headers])

    # A thread of its own: a browser of another test may have a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, ask()).result(60)
    return found


@pytest.mark.parametrize(("named", "on_space"), [(None, True), ("*", False), ("*", True)])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([VISITOR], id="honest"),
        pytest.param([f"198.51.100.1, {VISITOR}"], id="forged"),
        pytest.param([f"10.0.0.1, ::1, {VISITOR}, {ROUTER}"], id="forged, two proxies"),
        pytest.param(["198.51.100.1", VISITOR], id="forged in a header of its own"),
        pytest.param([f"no address, {VISITOR}:5123"], id="garbage, and a port"),
    ],
)
def test_a_visitor_is_known_by_what_the_last_proxy_saw(
    named: str | None, on_space: bool, headers: list[str]
) -> None:
    trusted = trusted_proxies(named, on_space=on_space)
    assert addresses(trusted, BALANCER, [headers]) == [VISITOR]


def test_another_address_at_each_request_is_no_other_visitor() -> None:
    forged = [[f"198.51.100.{number}, {VISITOR}"] for number in range(3)]
    believed = addresses("*", BALANCER, forged)
    assert len(set(believed)) == 3, "this is what uvicorn does"
    allowance = Allowance(a_minute=2)
    one, two, three = addresses(trusted_proxies("*", on_space=False), BALANCER, forged)
    allowance.ask(one)
    allowance.ask(two)
    with pytest.raises(InputError, match="2 times within a minute"):
        allowance.ask(three)


def test_proxies_of_ones_own_are_named_and_others_are_not_believed() -> None:
    assert trusted_proxies(None, on_space=False) is None
    assert trusted_proxies("192.0.2.1", on_space=True) == "192.0.2.1"
    assert addresses("192.0.2.1", "192.0.2.1", [[VISITOR]]) == [VISITOR]
    assert addresses("192.0.2.1", "192.0.2.2", [[VISITOR]]) == ["192.0.2.2"]
