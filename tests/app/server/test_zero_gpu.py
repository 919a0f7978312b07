"""An engine whose model runs in forked processes gives what the plain engine gives."""

from __future__ import annotations

import importlib
import runpy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.rows import Row
from analysis.measure.weight_settings import WeightSettings
from analysis.methods import fuse
from analysis.models.manifest import load_collection
from app.state.requests.page_requests import Stopped
from app.state.session import Session
from tests import tiny
from tests.app.server.lent_gpu import Spaces

ROOT = Path(__file__).parents[3]
QUERY = "María tiene 3 manzanas y compra 5 más."
METHODS = ("base", "static", "qa-flora", "arrow", "spectr")


@pytest.fixture
def spaces() -> Iterator[Spaces]:
    spaces = Spaces()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "spaces", spaces)
        yield spaces


@pytest.fixture
def zero_gpu(spaces: Spaces) -> Iterator[ModuleType]:
    """The module, imported as on a ZeroGPU Space, whose GPU is the CPU."""
    name = "app.server.zero_gpu"
    sys.modules.pop(name, None)
    module = importlib.import_module(name)
    module.DEVICE = "cpu"  # type: ignore[attr-defined]
    yield module
    sys.modules.pop(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def plain(folder: Path) -> Engine:
    return Engine.load(load_collection(str(folder)))


@pytest.fixture
def lent(zero_gpu: ModuleType, folder: Path) -> Any:
    limits = Limits(new_tokens=50_000)
    return zero_gpu.ZeroGpuEngine.load(load_collection(str(folder)), limits=limits)


def rows_of(engine: Engine) -> list[Row]:
    context = engine.context(engine.trace(QUERY))
    return fuse(METHODS, context)


def test_a_trace_is_the_plain_engines_and_is_kept_by_the_server(
    lent: Engine, plain: Engine, spaces: Spaces
) -> None:
    told: list[str] = []
    prompt = lent.prompt(QUERY)
    trace = lent.trace(prompt, progress=lambda what, share: told.append(what))
    expected = plain.trace(QUERY)
    torch.testing.assert_close(trace.hidden_RLPD, expected.hidden_RLPD)
    for name, inputs_PI in expected.module_inputs.items():
        torch.testing.assert_close(trace.module_inputs[name], inputs_PI)
    assert told[0] == "waiting for a graphics processor" and len(set(told)) > 1
    (process,) = spaces.processes
    assert process.exitcode == 0
    assert lent.trace(prompt) is trace
    torch.testing.assert_close(
        lent.divergence(trace).values_LK, plain.divergence(expected).values_LK
    )
    assert len(spaces.processes) == 1, "what is kept or read from a trace needs no GPU"


def test_answers_and_their_weights_are_the_plain_engines(lent: Engine, plain: Engine) -> None:
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=7)):
        found, expected = (
            engine.answer(engine.prompt(QUERY), rows_of(engine), new_tokens=12, sampling=sampling)
            for engine in (lent, plain)
        )
        assert [one.mean_LK.shape for one in found.policy_weights()] == [
            one.mean_LK.shape for one in expected.policy_weights()
        ]
        for step, wanted in zip(found, expected, strict=True):
            assert [(one.row, one.id, one.delta, one.end) for one in step.tokens] == [
                (one.row, one.id, one.delta, one.end) for one in wanted.tokens
            ]
        for one, other in zip(found.policy_weights(), expected.policy_weights(), strict=True):
            torch.testing.assert_close(one.mean_LK, other.mean_LK)


def test_every_other_pass_of_several_rows_is_the_plain_engines(
    lent: Engine, plain: Engine, spaces: Spaces
) -> None:
    prompt, adapters = lent.prompt(QUERY), lent.adapters
    every = lent.every_token(prompt)
    torch.testing.assert_close(every.values_LKT, plain.every_token(prompt).values_LKT)
    assert lent.every_token(prompt) is every
    rows = rows_of(plain)
    found, expected = (one.next_tokens(prompt, [5], rows) for one in (lent, plain))
    assert [[one.id for one in row] for row in found] == [
        [one.id for one in row] for row in expected
    ]
    for settings in (
        WeightSettings(),
        WeightSettings(signal="change"),
        WeightSettings(signal="entropy"),
    ):
        usual = lent.usual(adapters, settings)
        torch.testing.assert_close(usual.mean_LK, plain.usual(adapters, settings).mean_LK)
        assert lent.kept_usual(adapters, settings) is not None
    torch.testing.assert_close(
        lent.neutral(adapters).absolute_QPLK, plain.neutral(adapters).absolute_QPLK
    )
    assert len(spaces.processes) == 6, "each of them borrows the GPU once"


def test_stop_ends_the_process(lent: Engine, spaces: Spaces) -> None:
    prompt = lent.prompt(QUERY)
    session = Session()
    ticket = session.begin()

    def stop(what: str, share: float) -> None:
        if what != "waiting for a graphics processor":
            session.stop()

    with pytest.raises(Stopped):
        lent.trace(prompt, progress=session.progress_of(ticket, stop))
    assert spaces.processes[-1].exitcode == 0
    assert lent.kept_trace(prompt, lent.adapters) is None

    answering = lent.answer(prompt, rows_of(lent), new_tokens=50_000, stop=())
    next(answering)
    answering.close()
    assert spaces.processes[-1].exitcode == 0
    assert spaces.given.value < 50_000
    assert list(answering) == []


def test_another_thread_can_stop_answers(lent: Engine, spaces: Spaces) -> None:
    answering = lent.answer(lent.prompt(QUERY), rows_of(lent), new_tokens=50_000, stop=())
    begun, count = threading.Event(), []

    def read() -> None:
        for step in answering:
            count.append(step.index)
            begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(60)
    answering.close()
    reader.join(60)
    assert not reader.is_alive() and len(count) < 50_000
    assert not spaces.processes[-1].is_alive()


def test_what_goes_wrong_in_the_process_is_told(
    lent: Engine, zero_gpu: ModuleType, spaces: Spaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = lent.prompt(QUERY)
    with pytest.raises(InputError, match=r"no lens 'blurred'"):
        lent.every_token(prompt, lens="blurred")

    def broken(*arguments: object, progress: object) -> None:
        raise ZeroDivisionError("in here")

    monkeypatch.setattr(Engine, "_traced", broken)
    monkeypatch.setattr(broken, "__name__", "_traced")
    with pytest.raises(RuntimeError, match=r"(?s)in broken.*ZeroDivisionError: in here"):
        lent.trace(prompt)
    assert [process.exitcode for process in spaces.processes] == [0, 0]
    spaces.refusal = "You have exceeded your free ZeroGPU quota. Try again in 1:00:00."
    with pytest.raises(InputError, match=r"quota\. Try again in 1:00:00\.$"):
        next(lent.answer(prompt, rows_of_base(lent), new_tokens=4))


def rows_of_base(engine: Engine) -> list[Row]:
    return fuse(["base"], engine.context(engine.prompt(QUERY)))


def test_limits_hold_before_a_gpu_is_asked_for(lent: Engine, spaces: Spaces) -> None:
    prompt = lent.prompt(QUERY)
    with pytest.raises(InputError, match="50001 new tokens"):
        lent.answer(prompt, rows_of_base(lent), new_tokens=50_001)
    assert spaces.processes == []


def test_a_pass_of_the_server_leaves_nothing_in_a_process(
    lent: Engine, plain: Engine, spaces: Spaces
) -> None:
    forks: list[Any] = []

    def fork_meanwhile(what: str, share: float) -> None:
        if not forks:
            forks.append(lent.trace("Say hello."))

    # Reads the base's modules on the CPU, with hooks in the model that the fork inherits.
    runner = lent._runner
    runner.trace(lent.prompt(QUERY).ids, lent.adapters, [3], fork_meanwhile)
    torch.testing.assert_close(forks[0].hidden_RLPD, plain.trace("Say hello.").hidden_RLPD)


def test_a_second_base_runs_on_the_cpu(
    lent: Engine, zero_gpu: ModuleType, folder: Path, spaces: Spaces
) -> None:
    other = zero_gpu.ZeroGpuEngine.load(load_collection(str(folder)))
    other.trace(QUERY)
    assert type(other) is Engine and spaces.processes == []


@pytest.mark.parametrize("given", ["", "true"])
def test_only_a_zero_gpu_space_borrows(
    given: str, spaces: Spaces, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "app.server.zero_gpu"
    monkeypatch.setenv("SPACES_ZERO_GPU", given)
    monkeypatch.setenv("FUSION_LENS_COLLECTION", str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    names = runpy.run_path(str(ROOT / "app.py"), run_name="imported")
    assert (name in sys.modules) == bool(given), "a function has to be there before the start"
    if given:
        sys.modules[name].DEVICE = "cpu"  # type: ignore[attr-defined]
    engine = names["_load"](load_collection(str(folder)), lambda what, share: None)
    engine.trace(QUERY)
    assert len(spaces.processes) == bool(given)
    sys.modules.pop(name, None)
