"""A running agent whose disk lets it down, in one way after the other, and which is never restarted.

Each time it goes on evaluating and serving, says so in the document, tells what is critical from
memory, and has everything on disk once the disk is well.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.alerts.letters import FROM_MEMORY
from tests.disks import SmallDisk, failing, small_disk

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()


@dataclass
class Told:
    """A receiver of webhooks, and what it was told: id and words."""

    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import json

        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            async with self._changed:
                self.got.append((body["id"], body))
                self._changed.notify_all()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: bool(self.got) and holds(self.got[-1][1]))
            return self.got[-1][1]


class BadDay:
    """A desk that is live, on a small disk, and the faults of that disk."""

    def __init__(self, desk: Any, disk: SmallDisk, told: Told) -> None:
        self.desk = desk
        self.disk = disk
        self.told = told
        self.journal = desk.folder / "data" / "journal.sqlite"

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        self.disk.fill()
        yield
        self.disk.free()

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[None]:
        async with failing(self.desk.program.process.pid, "pwrite64", "EROFS"):
            yield

    @asynccontextmanager
    async def failing_sync(self) -> AsyncIterator[None]:
        async with failing(self.desk.program.process.pid, "fdatasync,fsync", "EIO"):
            yield

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        holder = sqlite3.connect(self.journal, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
        holder.close()

    async def revoke(self) -> None:
        """The token dies, and the agent learns of it."""
        await self.desk.sim("token", do="revoke")
        await self.desk.post("/api/system/health/auth/verify")

    async def works_through(self, fault: Any, word: str) -> None:
        """Something critical happens in the fault, and ends after it."""
        async with fault:
            await self.revoke()
            said = await self.told.until(lambda body: body["code"] == "AUTH_REQUIRED")
            assert said["message"].endswith(FROM_MEMORY), f"{word}: {said['message']}"
            assert said["severity"] == "critical"
            ill = await self.desk.until(lambda d: d["machines"]["agent"]["state"] == "DEGRADED")
            assert ill["machines"]["agent"]["reason"] == "STORE"
            assert word in ill["machines"]["agent"]["message"]
            assert ill["code"] == "AUTH_REQUIRED"
            assert (await self.desk.get())["revision"] >= ill["revision"]
        await self.recovers()

    async def recovers(self) -> None:
        """The login is done, and the journal is whole and has it all."""
        await self.desk.login()
        ended = await self.told.until(lambda body: body["type"] == "recovery")
        assert not ended["message"].endswith(FROM_MEMORY)
        await self.desk.until(lambda d: d["machines"]["agent"]["state"] == "WELL" and d["ready"])
        await self.is_whole()

    async def is_whole(self) -> None:
        """Every notice is listed as delivered, every change is in the history."""
        wanted = {id_ for id_, _ in self.told.got}
        async with asyncio.timeout(30):
            while {
                one["notice"]
                for one in (await self.desk.get("/api/system/notices?limit=1000"))["notices"]
                if one["state"] == "delivered"
            } != wanted:
                pass
        edges = [row["after"] for row in await self.desk.history() if row["subject"] == "lead"]
        assert edges.count("AUTH_REQUIRED") == len(wanted) // 2
        open_ = [
            one for one in (await self.desk.get("/api/system/incidents"))["incidents"] if not one["closed_at"]
        ]
        assert open_ == []


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    one = Told()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield one
        server.close()


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    with small_disk(tmp_path / "desk" / "data") as one:
        yield one


@pytest.fixture
async def bad_day(disk, open_desk, tmp_path, told) -> BadDay:
    hook = f'[notifiers.hook]\nkind = "webhook"\nallow_private = true\nurl = "{told.url}"\n'
    (tmp_path / "desk" / "agent.toml").write_text(f"{SHIPPED}\n{hook}\n[flapping]\nchanges = 100\n")
    desk = await open_desk(data=tmp_path / "desk")
    day = BadDay(desk, disk, told)
    await told.until(lambda body: body["code"] == "AUTH_REQUIRED")
    await day.recovers()
    return day


async def test_a_running_agent_outlives_whatever_its_disk_does(bad_day) -> None:
    await bad_day.works_through(bad_day.full(), "the disk is full")
    await bad_day.works_through(bad_day.read_only(), "the disk fails")
    await bad_day.works_through(bad_day.failing_sync(), "the disk fails")
    await bad_day.works_through(bad_day.locked(), "another program holds it")


async def test_a_journal_that_is_spoiled_or_deleted_in_use_is_begun_anew_by_the_agent(bad_day) -> None:
    bad_day.journal.unlink()
    await bad_day.revoke()
    await bad_day.told.until(lambda body: body["code"] == "AUTH_REQUIRED")
    await bad_day.recovers()

    with sqlite3.connect(bad_day.journal) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    bad_day.journal.write_bytes(b"garbage " * 8000)
    assert (await bad_day.desk.get("/api/system/history"))["status"] == 503
    await bad_day.desk.post("/api/system/health/auth/verify")
    ill = await bad_day.desk.until(lambda d: d["machines"]["agent"]["state"] == "DEGRADED")
    assert "damaged" in ill["machines"]["agent"]["message"]
    [aside] = bad_day.journal.parent.glob("*.corrupt-*Z")
    assert aside.name in ill["machines"]["agent"]["message"]
    aside.unlink()
    await bad_day.revoke()
    said = await bad_day.told.until(lambda body: body["code"] == "AUTH_REQUIRED")
    assert not said["message"].endswith(FROM_MEMORY)
    await bad_day.desk.until(lambda d: d["machines"]["agent"]["state"] == "WELL")
