"""Programs as clients: a tiny page is served, and `gradio_client` asks it as any program would."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.utils import get_function_description
from gradio_client.exceptions import AppError

from app.api.endpoints import NAMES, Endpoints
from app.api.turns import Program, Turns
from app.server.request_queue import RequestQueue
from app.state.requests.page_requests import Stopped

NOTEBOOK = Path(__file__).parents[3] / "docs" / "clients.ipynb"
QUERY = "How many apples does Mary have?"


def test_programs_see_the_endpoints_alone(site: SimpleNamespace) -> None:
    told = site.client.view_api(return_format="dict")
    assert sorted(told["named_endpoints"]) == sorted(f"/{name}" for name in NAMES)
    assert not told["unnamed_endpoints"]
    asked = told["named_endpoints"]["/answer"]
    names = [one["parameter_name"] for one in asked["parameters"]]
    assert names == [
        "query", "methods", "adapters", "new_tokens", "temperature", "top_p", "seed", "tokens"
    ]  # fmt: skip
    assert "side by side" in asked["description"]
    for name in NAMES:
        # Gradio and its MCP server show the first line of what is said of an argument.
        what, arguments, _ = get_function_description(getattr(Endpoints, name))
        shown = [said for one, said in arguments.items() if one not in ("self", "request")]
        assert all(said.endswith(".") for said in (what, *shown)), shown


def test_a_trace_and_answers_are_those_of_the_engine(site: SimpleNamespace) -> None:
    engine = site.engine
    found = site.client.predict(QUERY, api_name="/trace")
    trace = engine.trace(QUERY)
    divergence = engine.divergence(trace).values_LK
    assert found["adapters"] == list(trace.adapters)
    assert found["divergence"] == divergence.tolist()
    assert found["weights"] == engine.settings.weigh(divergence).tolist()
    named = {"methods": ["base", "static"], "new_tokens": 6, "api_name": "/answer"}
    job = site.client.submit(QUERY, **named)
    last = job.result(60)
    from analysis.methods import fuse

    prompt, texts = trace.prompt, ["", ""]
    rows = fuse(["base", "static"], engine.context(prompt))
    for step in engine.answer(prompt, rows, new_tokens=6):
        for token in step.tokens:
            texts[token.row] += token.delta
    final = job.outputs()[-1]
    assert final == dict(zip(["base", "static"], texts, strict=True)), last


def test_adapters_are_listed_and_looked_into_by_name_alone(site: SimpleNamespace) -> None:
    listed = site.client.predict(api_name="/collections")
    name = listed["adapters"][0]["name"]
    found = site.client.predict(name, api_name="/inspect")
    assert found["name"] == name and found["kind"] == "LoRA" and not found["refused"]
    with pytest.raises(AppError, match="no adapter '/etc'"):
        site.client.predict("/etc", api_name="/inspect")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"query": 5, "api_name": "/trace"}, "query is '5'"),
        ({"query": QUERY, "adapters": "math", "api_name": "/trace"}, "a list of names"),
        ({"query": QUERY, "lens": "none", "api_name": "/trace"}, "none"),
        ({"query": QUERY, "new_tokens": 100_000, "api_name": "/answer"}, "100000 new tokens"),
        ({"query": QUERY, "new_tokens": True, "api_name": "/answer"}, "give a number"),
        ({"query": QUERY, "seed": 2**63, "api_name": "/answer"}, "seed is 9223372036854775808"),
        ({"query": QUERY, "tokens": "yes", "api_name": "/answer"}, "give true or false"),
        ({"query": QUERY, "adapters": [["math"]], "api_name": "/answer"}, "a list of names"),
        ({"query": QUERY, "adapters": ["latin"], "api_name": "/answer"}, "no adapter 'latin'"),
        ({"query": QUERY, "adapters": ["math"] * 101, "api_name": "/trace"}, "at most 100"),
        ({"query": "long " * 100_000, "api_name": "/trace"}, "500000 characters"),
        ({"query": QUERY, "methods": ["m" * 1000], "api_name": "/answer"}, "1000 characters"),
        ({"query": QUERY, "methods": ["base"] * 7, "api_name": "/answer"}, "at most 6"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_remedy(
    site: SimpleNamespace, named: dict[str, object], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        site.client.predict(**named)


def test_a_newer_request_of_a_program_ends_the_older_and_a_full_queue_refuses() -> None:
    loader = SimpleNamespace(wait=lambda seconds: "engine")
    turns = Turns(loader, RequestQueue(served=1, waiting=0))  # type: ignore[arg-type]
    one = Program("one")
    with pytest.raises(gr.Error, match="newer request"), turns.turn(one) as (_, check, _):
        with turns.turn(one) as (engine, newer, _):
            newer()
            assert engine == "engine"
            with pytest.raises(gr.Error, match="queue is full"), turns.turn(Program("other")):
                pytest.fail("served beyond the queue")
            with pytest.raises(Stopped):
                check()
        check()
    with turns.turn(one) as (_, check, _):
        check()


def test_the_notebook_runs_and_holds_no_output(
    site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSION_LENS_URL", site.address)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    programs = [cell for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in programs:
        assert cell["outputs"] == [] and cell["execution_count"] is None
        exec("".join(cell["source"]), names)
    said = capsys.readouterr().out
    assert "/answer" in said and "LoRA" in said
    assert len(names["trace"]["weights"]) == site.engine.layers  # type: ignore[index]
    assert list(names["answers"]) == ["base", "static", "qa-flora"]  # type: ignore[call-overload]
