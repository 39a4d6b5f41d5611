"""A way out, and room on the disk: seen on this machine, and on one without a network."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config.schema import NetworkTable
from agent.runtime.footing import Footing, room_in
from agent.testing import ManualClock


class Looking:
    """A footing whose wishes a test may change; `edges` has what it said at each change."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.wanted: NetworkTable | None = NetworkTable()
        self.edges: list[str | None] = []
        self.footing = Footing(folder, clock=self.clock, wanted=lambda: self.wanted, changed=self._changed)

    def _changed(self) -> None:
        self.edges.append(self.footing.network_error)

    async def at(self, *hosts: str) -> str | None:
        self.wanted = NetworkTable(hosts=[*hosts])
        await self.footing.look()
        return self.footing.network_error


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    return Looking(tmp_path)


@pytest.fixture
async def answering() -> str:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


NOWHERE = "nobody.invalid:443"


async def test_a_host_that_answers_is_a_way_out(looking: Looking, answering: str) -> None:
    assert await looking.at(answering) is None


async def test_a_host_that_refuses_is_a_way_out(looking: Looking, refusing: str) -> None:
    assert await looking.at(refusing) is None


async def test_one_of_many_is_enough(looking: Looking, answering: str) -> None:
    assert await looking.at(NOWHERE, answering) is None


async def test_where_none_answers_the_network_is_lost_until_one_does(
    looking: Looking, answering: str
) -> None:
    lost = f"none of {NOWHERE} can be reached"
    assert await looking.at(NOWHERE) == lost
    await looking.clock.advance(7)
    assert await looking.at(NOWHERE) == lost
    assert looking.footing.offline_s == 7
    assert await looking.at(answering) is None
    assert looking.footing.offline_s is None
    assert looking.edges == [lost, None]


@pytest.mark.parametrize(
    "wanted", [pytest.param(None, id="simulated"), pytest.param(NetworkTable(watch=False), id="not watched")]
)
async def test_a_network_that_does_not_matter_is_not_lost(
    looking: Looking, wanted: NetworkTable | None
) -> None:
    await looking.at(NOWHERE)
    looking.wanted = wanted
    await looking.footing.look()
    assert looking.footing.network_error is None


def test_a_machine_without_a_network_has_no_route() -> None:
    unshare = shutil.which("unshare")
    command = [str(unshare), "--map-root-user", "--net"]
    if unshare is None or subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    asks = "from agent.runtime.footing import has_route; print(has_route())"
    done = subprocess.run([*command, sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_the_room_is_known_from_the_first_look(tmp_path: Path) -> None:
    looking = Looking(tmp_path)
    looking.wanted = None
    running = asyncio.ensure_future(looking.footing.run())
    async with asyncio.timeout(30):
        while looking.footing.room is None:
            await SystemClock().sleep(0.01)
    running.cancel()
    assert 0 < looking.footing.room.free <= looking.footing.room.whole


def test_the_room_of_a_folder_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert room_in(tmp_path / "gone") is None
