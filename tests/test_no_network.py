"""The guard of tests/conftest.py itself: a guard that lets everything through guards nothing."""

import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_other_machines_are_out_of_reach(host, _outside):
    with pytest.raises(OSError, match="no network"):
        socket.create_connection((host, 80), timeout=1)
    assert _outside == [host]
    _outside.clear()


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("localhost", port), timeout=5).close()
