"""Calls of MCP clients: each is a visitor of its own, though Gradio asks for all as one client.

The package of MCP is no requirement: a route stands for Gradio's MCP server and asks the page as
that does, with one `gradio_client` for all calls and with the headers of the call.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analysis.inference.scheduling import admission
from app.page import build, launch_options
from app.server.clients.connections import CALL
from tests.awaiting import await_


@pytest.fixture(scope="module")
def mcp(site: SimpleNamespace) -> Iterator[SimpleNamespace]:
    content = replace(site.content, tabs=())
    demo = build(content, site.loader)
    clients: list[Client] = []

    async def call(request: Request) -> Response:
        asked = await request.json()
        headers = dict(request.headers)
        headers.pop("content-length")
        job = clients[0].submit(**asked, api_name="/answer", headers=headers)
        while not job.done():
            if await request.is_disconnected():
                return Response()
            await asyncio.sleep(0.01)
        error = job.exception()
        return JSONResponse(str(error) if error else job.outputs()[-1])

    options = launch_options(content, site.loader)
    options["app_kwargs"]["routes"].append(Route("/gradio_api/mcp", call, methods=["POST"]))
    served, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    clients.append(Client(address, verbose=False, analytics_enabled=False))
    yield SimpleNamespace(address=address, engine=site.engine, served=served)
    clients[0].close()
    demo.close()


def called(page: SimpleNamespace, query: str) -> http.client.HTTPConnection:
    """The connection of a call that was sent; another's name in its headers means nothing."""
    parts = urlsplit(page.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    asked = {"query": query, "methods": ["base"], "new_tokens": 3}
    connection.request("POST", "/gradio_api/mcp", json.dumps(asked), {CALL: "forged"})
    return connection


def test_calls_do_not_end_each_other_and_one_that_nobody_waits_for_ends_at_once(
    mcp: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, connections = mcp.engine.runner.decoding.admission, mcp.served.state.connections
    monkeypatch.setattr(admission, "STALLED_SECONDS", math.inf)
    room.enter(room.most_bytes, lambda: None)
    try:
        calls = [called(mcp, f"Who calls as number {number}?") for number in range(3)]
        await_(lambda: room.waiting == 3)
        assert set(connections._calls.values()) == {"127.0.0.1"}
        assert "forged" not in connections._calls
        calls[1].close()
        await_(lambda: room.waiting == 2)
    finally:
        room.leave(room.most_bytes)
    for call in (calls[0], calls[2]):
        with call.getresponse() as response:
            assert list(json.load(response)) == ["base"]
    await_(lambda: not connections._calls)
    assert not any(thread.name == "request" for thread in threading.enumerate())
