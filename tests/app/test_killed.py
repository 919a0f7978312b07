"""A server that was killed in the middle of its work: the next one works as usual."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.speed.remote import RemotePage
from tests import tiny

ROOT = Path(__file__).parents[2]
ASKED = {"query": "Who answers?", "methods": ["static"], "new_tokens": 150, "tokens": True}
# The real server; it stops in the middle of a trace where it is told to.
SERVER = """
import runpy, sys
from analysis.inference.passes.forward_passes import ForwardPasses
run = ForwardPasses.run
port, manifest, *stops = sys.argv[1:]

def stopping(self, ids, adapters, places, progress=None, *rest, **named):
    def stop(what, share):
        if stops and len(ids) > 40:
            print("in a trace", flush=True)
            sys.stdin.read()
        progress and progress(what, share)
    return run(self, ids, adapters, places, stop, *rest, **named)

ForwardPasses.run = stopping
sys.argv[:] = ["app.py", "--port", port, "--collection", manifest]
runpy.run_path("app.py", run_name="__main__")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts a server at the same place, again and again; gives it and its page."""
    manifest = tiny.tiny_collection(tmp_path, ("math",))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers: list[subprocess.Popen[str]] = []

    def started(*how: str) -> tuple[subprocess.Popen[str], RemotePage]:
        servers.append(
            subprocess.Popen(
                [sys.executable, "-c", SERVER, str(port), str(manifest), *how],
                cwd=ROOT,
                env=os.environ | {"FUSION_LENS_HOME": str(tmp_path / "home")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        read_until(servers[-1], "Running on local URL")
        return servers[-1], RemotePage(f"http://127.0.0.1:{port}")

    yield started
    for server in servers:
        server.kill()
        server.communicate()


def read_until(server: subprocess.Popen[str], text: str) -> None:
    assert server.stdout is not None and server.stderr is not None
    for line in server.stdout:
        if text in line:
            return
    pytest.fail(f"the server ended without saying {text!r}: {server.stderr.read()}")


def traced(page: RemotePage, query: str) -> str:
    """Asks for a trace; gives the address of its result."""
    path = page.path.replace("answer", "trace")
    with page.request("POST", path, json.dumps({"query": query})) as response:
        return f"{path}/{json.load(response)['event_id']}"


@pytest.mark.slow
def test_the_next_server_answers_what_the_killed_one_could_not(start: Any) -> None:
    server, page = start("stop")
    assert len(next(page.answers(ASKED))["static"]) < ASKED["new_tokens"]
    longer = "Who is asked while a trace of all layers runs, and for how long? " * 2
    traced(page, longer)
    read_until(server, "in a trace")
    server.send_signal(signal.SIGKILL)
    assert server.wait(60) == -signal.SIGKILL
    server, page = start()
    (*_, whole) = page.answers(ASKED)
    assert len(whole["static"]) == ASKED["new_tokens"]
    with page.request("GET", traced(page, longer)) as response:
        said = response.read().decode()
    assert "event: complete" in said and "divergence" in said
    server.terminate()
    _, told = server.communicate(timeout=60)
    assert "Traceback" not in told
