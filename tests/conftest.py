"""What all tests share: the embedded base, and proof that nothing leaves this machine.

Whatever takes seconds to import is imported where it is used: the process that only hands tests to
the workers reads this file too.
"""

from __future__ import annotations

import gc
import ipaddress
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from analysis.engine import Engine

# Machines differ in speed: a slow example is no failure.
# 50 examples found each fault that 100 did.
settings.register_profile("fusion-lens", deadline=None, max_examples=50)
settings.load_profile("fusion-lens")

# Marks of the tests that take longest, in the order in which they begin.
_SLOW = ("base", "browser", "slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts slow tests first, so that no worker runs them alone at the end.

    A browser test that fails is run once more, and listed as rerun: on a busy machine a browser
    can be too slow for a step. A second failure is a failure.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))

    def order(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(_SLOW) if item.get_closest_marker(name)), 9)

    items.sort(key=order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives a worker whole files, and those with tests of the embedded base to a single worker.

    The process that hands them out knows names alone (xdist's groups are lost with pytest 9), so it
    looks into the files for the mark.
    """
    from xdist.scheduler import LoadScopeScheduling

    @cache
    def scope(file: str) -> str:
        text = (config.rootpath / file).read_text(encoding="utf-8")
        return "base" if "mark.base" in text else file

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid.split("::", 1)[0])

    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    """Spares the garbage collector the hundreds of thousands of objects of imported modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The ready embedded base. Where the cache has none yet, it is converted now, in a minute."""
    from analysis.models.bases.bundled_base import prepare

    return prepare()


@pytest.fixture(scope="session")
def embedded_tokenizer(embedded_folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of the embedded base, whose 262 144 entries take seconds to read."""
    from transformers.models.auto import AutoTokenizer

    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        embedded_folder, local_files_only=True
    )
    return loaded


@pytest.fixture(scope="session")
def embedded_model(embedded_folder: Path) -> PreTrainedModel:
    """The embedded base as transformers loads it. Whoever changes it changes it back."""
    from transformers import AutoModelForCausalLM

    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        embedded_folder, local_files_only=True
    )
    return loaded.eval()


@pytest.fixture(scope="session")
def bundled_engine(embedded_folder: Path) -> Engine:
    """An engine of the embedded base and the bundled adapters."""
    from analysis.engine import Engine
    from analysis.models.manifest import load_collection

    return Engine.load(load_collection())


@pytest.fixture(scope="session")
def _outside() -> Iterator[list[str]]:
    """Refuse every connection that leaves this machine, and list them."""
    refused: list[str] = []

    def is_near(host: object) -> bool:
        name = str(host or "localhost")
        try:
            return ipaddress.ip_address(name.split("%")[0]).is_loopback or name in ("0.0.0.0", "::")
        except ValueError:
            return name == "localhost"

    def check(host: object) -> None:
        if not is_near(host):
            refused.append(str(host))
            raise OSError(f"the tests allow no network: {host}")

    def connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple):
            check(address[0])
        real_connect(self, address)

    def getaddrinfo(host: object, *args: object, **named: object) -> object:
        check(host.decode() if isinstance(host, bytes) else host)
        return real_getaddrinfo(host, *args, **named)

    real_connect, real_getaddrinfo = socket.socket.connect, socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield refused


@pytest.fixture(autouse=True)
def no_network(_outside: list[str]) -> Iterator[None]:
    """Fail the test during which anything tried to reach another machine."""
    _outside.clear()
    yield
    assert not _outside, f"tried to reach {_outside}"
