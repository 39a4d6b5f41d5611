"""The agent's word to systemd, heard on a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.runtime.systemd import Systemd


@pytest.fixture(params=["a file", "an abstract name"])
def heard(request, tmp_path: Path):
    """A socket as systemd has it, and what it is called."""
    name = str(tmp_path / "notify") if request.param == "a file" else f"@openbell-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.settimeout(10)
        yield listener, name


def test_it_says_that_it_is_ready_lives_and_stops(heard) -> None:
    listener, name = heard
    systemd = Systemd({"NOTIFY_SOCKET": name})
    systemd.ready("page at http://127.0.0.1:8000")
    systemd.alive()
    systemd.stopping()
    assert [listener.recv(4096).decode() for _ in range(3)] == [
        "READY=1\nSTATUS=page at http://127.0.0.1:8000",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_where_nobody_listens_it_costs_nothing(environment) -> None:
    Systemd(environment).alive()
