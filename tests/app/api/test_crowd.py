"""Many programs at once through a served page: nobody's answer depends on who else asks."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from analysis.__main__ import main
from analysis.common.limits import PUBLIC, Owner
from analysis.inference.scheduling import admission
from analysis.speed.remote import RemotePage
from app.server.clients import body_limit, connections
from tests.awaiting import await_

VISITORS, VANISHING = 50, 500


def test_fifty_visitors_get_their_solo_answers_through_the_page(
    bare: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["load", "--url", bare.address, "--visitors", str(VISITORS), "--json"]
    arguments += ["--methods", "static", "--new-tokens", "3"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["visitors"], result["answers"], result["errors"]) == (VISITORS, 1, 0)
    assert result["cross_talk"] == 0 and result["peak_memory_mb"] is None
    assert 0 < result["first_token_seconds"]["last"] <= result["total_seconds"]["last"]
    assert bare.engine.runner.decoding.admission.held_bytes == 0
    assert main([*arguments, "--new-tokens", "1000000"]) == 2
    assert "1000000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "events"),
    [
        ({"detail": "hello"}, ""),
        (["hello"], ""),
        ({"event_id": "a"}, 'event: complete\ndata: ["hello"]\n'),
        ({"event_id": "a"}, 'event: complete\ndata: {"hello": 1}\n'),
        ({"event_id": "a"}, 'event: complete\ndata: [{"base": [1, 2]}]\n'),
    ],
)
def test_a_server_that_is_no_page_is_told(
    told: object, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"POST": json.dumps(told), "GET": events}
    page = RemotePage("http://127.0.0.1:1")
    monkeypatch.setattr(page, "request", lambda method, *_: io.BytesIO(said[method].encode()))
    assert page.visit("Who?", ["base"], 1).error.startswith("ValueError")


def test_sweeping_goes_on_after_a_sweep_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.0)

    async def sweeps() -> None:
        served, twice, count = connections.Connections(None), asyncio.Event(), 0  # type: ignore[arg-type]

        def sweep(app: object) -> None:
            nonlocal count
            count += 1
            if count == 1:
                raise KeyError("gone")
            twice.set()

        monkeypatch.setattr(served, "sweep", sweep)
        served._sweep_later(None)
        await asyncio.wait_for(twice.wait(), 30)

    # A thread of its own: a browser of another test may have a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, sweeps()).result(60)


def test_connections_that_vanish_leave_nothing_behind(
    bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, engine, queue = RemotePage(bare.address), bare.engine, bare.demo._queue
    asked = {"query": "Who stays?", "methods": ["static"], "new_tokens": 100, "tokens": True}
    (*_, alone) = page.answers(asked)
    served, stored = bare.served.state.connections, Path(bare.served.uploaded_file_dir)

    def held() -> dict[str, int]:
        served.sweep(bare.served)
        return {
            "sessions": len(bare.served.state_holder.session_data),
            "events": len(queue.event_ids_to_events) + len(queue),
            "running": queue.get_active_worker_count(),
            "messages": len(queue.pending_messages_per_session),
            "names of events": len(queue.pending_event_ids_session),
            "places in the queue": bare.pages.request_queue.count,
            "files": sum(1 for one in stored.rglob("*") if one.is_file()),
            "streams": engine.runner.scheduler.streams,
            "bytes of answers": engine.runner.decoding.admission.held_bytes,
            "bytes kept": engine.kept.bytes,
            "threads": sum(one.name.startswith("request") for one in threading.enumerate()),
        }

    before = {name: held()[name] for name in ("bytes kept", "files")}
    nothing = dict.fromkeys(held(), 0) | before
    stays = page.answers(asked)
    next(stays)
    gone, refused = asked | {"query": "Who goes?"}, 0
    # Whoever listens stays, however little patience there is.
    monkeypatch.setattr(connections, "LISTEN_SECONDS", 0.5)
    for place in range(VANISHING):
        if place % 4 == 0:  # a page whose tab is closed
            page.request("GET", f"/gradio_api/heartbeat/gone{place}").close()
            continue
        garbage = {"seed": [[math.nan]]} if place % 4 == 1 else {}
        try:
            with page.request("POST", page.path, json.dumps(gone | garbage)) as response:
                event = json.load(response)["event_id"]
        except ValueError:  # the queue is full
            refused += 1
            continue
        if place % 4 == 2:  # the others never listen
            page.request("GET", f"{page.path}/{event}").close()
    assert refused < VANISHING // 2
    (*_, last) = stays
    # The batch is of another size, so float32 rounds the probabilities otherwise.
    assert [token for token, _ in last["static"]] == [token for token, _ in alone["static"]]
    monkeypatch.setattr(connections, "LISTEN_SECONDS", 0.0)
    with suppress(AssertionError):
        await_(lambda: held() == nothing)
    assert held() == nothing


def test_a_program_that_vanishes_while_it_waits_for_memory_leaves_the_queue_at_once(
    bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, engine, queue = RemotePage(bare.address), bare.engine, bare.demo._queue
    room = engine.runner.decoding.admission
    monkeypatch.setattr(admission, "STALLED_SECONDS", math.inf)
    room.enter(room.most_bytes, lambda: None)
    try:
        asked = {"query": "Who waits?", "methods": ["static"]}
        with page.request("POST", page.path, json.dumps(asked)) as response:
            event = json.load(response)["event_id"]
        await_(lambda: room.waiting)
        page.request("GET", f"{page.path}/{event}").close()
        monkeypatch.setattr(connections, "LISTEN_SECONDS", 0.0)
        await_(lambda: not room.waiting and not queue.get_active_worker_count())
        assert room.held_bytes == room.most_bytes
    finally:
        room.leave(room.most_bytes)


def test_a_sweep_forgets_what_was_kept_for_visitors_who_have_gone(
    bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, owner = bare.engine, Owner()
    monkeypatch.setattr(engine, "limits", PUBLIC)
    prompt = engine.prompt("Who was here?", owner=owner)
    engine.trace(prompt)
    bare.served.state.connections.sweep(bare.served)
    assert engine.kept_trace(prompt, engine.adapters) is not None
    del owner
    gc.collect()
    bare.served.state.connections.sweep(bare.served)
    assert engine.kept_trace(prompt, engine.adapters) is None


def test_a_page_that_nobody_asks_rests(
    bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, looks, count = bare.demo._queue, list[float](), type(bare.demo._queue).__len__

    def counted(asked: object) -> int:
        if asked is queue:
            looks.append(time.monotonic())
        return count(asked)

    monkeypatch.setattr(type(queue), "__len__", counted)
    await_(lambda: len(looks) > 20)
    # Each look takes the interpreter from whoever computes: Gradio's own thousand a second cost 7 %
    # of a core.
    assert looks[20] - looks[0] > 0.15


def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(
    bare: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = RemotePage(bare.address)
    monkeypatch.setattr(body_limit, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"413 .*larger than"):
        page.request("POST", page.path, "x" * 1001)
    with pytest.raises((ValueError, OSError)):
        # In chunks, whose number nobody knows.
        page.request("POST", page.path, iter([b"x" * 600] * 3))  # type: ignore[arg-type]
    assert not page.visit("Who asks?", ["base"], 1).error


@pytest.mark.parametrize("path", ["upload", "upload/", "upload?upload_id=a", "process_recording"])
def test_files_that_the_page_never_asks_for_fill_no_disk(bare: SimpleNamespace, path: str) -> None:
    address, stored = f"{bare.address}gradio_api/{path}", Path(bare.served.uploaded_file_dir)
    before = sorted(stored.rglob("*"))
    head = 'Content-Disposition: form-data; name="files"; filename="a.bin"'
    parts = f"--x\r\n{head}\r\n\r\nfull\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(HTTPError, match="404"):
        urlopen(Request(address, parts.encode(), kind), timeout=60)
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{bare.address}gradio_api/deep_link?session_hash=a", timeout=60)
    assert sorted(stored.rglob("*")) == before
