"""What all tests share: the embedded base, and proof that nothing leaves this machine."""

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from transformers import PreTrainedTokenizerBase
from transformers.models.auto import AutoTokenizer

from analysis.models.bases.bundled_base import prepare

# Machines differ in speed: a slow example is no failure.
settings.register_profile("fusion-lens", deadline=None)
settings.load_profile("fusion-lens")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts slow tests first, so that no worker runs them alone at the end."""
    slow = ("base", "browser")
    items.sort(key=lambda item: not any(map(item.get_closest_marker, slow)))


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The ready embedded base. Where the cache has none yet, it is converted now, in a minute."""
    return prepare()


@pytest.fixture(scope="session")
def embedded_tokenizer(embedded_folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of the embedded base, whose 262 144 entries take seconds to read."""
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        embedded_folder, local_files_only=True
    )
    return loaded


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
