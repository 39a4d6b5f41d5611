"""A thousand open event streams on one agent: how long until the last one has a change.

    python benchmarks/streams.py             # a hundred changes each, in turns with bare aiohttp
    python benchmarks/streams.py --streams 200 --changes 20

Both servers are processes of their own, and so are the readers, which share two cores with them. A change is
a report that a trading process pushes; the time runs from the push until the last reader has the new
document. Beside the agent stands an aiohttp server that does nothing else: the same number of streams, woken
one by one to write as many ready bytes. Then readers that never read are added to the agent: the others must
not feel them, and they are dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
GOAL_MS = 40
CHANGES = 100
SLOW = 20
STORM = 2_000
DROPPED_AFTER_S = 12.0
PATIENCE_S = 60.0
SETTLE_S = 0.05
TOKEN = "a-token-that-pushes"
CONFIG = f"""
name = "desk"
environment = "simulated"
[server]
port = 0
push_token = "{TOKEN}"
[simulator]
port = 0
[credentials.kite]
source = "env-file"
path = ".env"
key = "TOKEN"
[machines.market]
kind = "market"
segment = "NSE_EQ"
[machines.strategy]
kind = "pushed-feed"
credential = "kite"
"""


def allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# -- the servers -----------------------------------------------------------------------------


async def serve_bare(size: int) -> None:
    """The least that a server of events by aiohttp can do."""
    woken: set[asyncio.Event] = set()
    event = b"event: document\ndata: %b\n\n" % (b"x" * size)

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        awake = asyncio.Event()
        woken.add(awake)
        try:
            while True:
                await response.write(event)
                await awake.wait()
                awake.clear()
        finally:
            woken.discard(awake)

    async def push(request: web.Request) -> web.Response:
        await request.json()
        for awake in woken:
            awake.set()
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/api/system/events", events)
    app.router.add_post("/api/system/push/strategy", push)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(
        "ready: page and API at", f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]},", flush=True
    )
    await asyncio.Event().wait()


@asynccontextmanager
async def server(folder: Path, *arguments: str) -> AsyncIterator[tuple[str, int]]:
    """A server's address and process, once it has said that it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        line = (await process.stdout.readline()).decode()  # type: ignore[union-attr]
        found = re.search(r"API at (\S+?),", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line}")
        yield found[1], process.pid
    finally:
        process.terminate()
        await process.wait()


def agent(folder: Path) -> AbstractAsyncContextManager[tuple[str, int]]:
    """An agent with a market and a trading process that reports."""
    (folder / "agent.toml").write_text(CONFIG)
    return server(folder, "-m", "agent.cli", "run", "--at", "2026-11-23T10:00:00+05:30")


# -- the readers -----------------------------------------------------------------------------


class Reader(asyncio.BufferedProtocol):
    """One reader of events: notes when a document's event begins to arrive, and no more."""

    buffer = bytearray(1 << 16)

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"GET /api/system/events HTTP/1.1\r\nHost: %b\r\n\r\n" % self._readers.host)  # type: ignore[attr-defined]

    def buffer_updated(self, nbytes: int) -> None:
        if self.buffer.find(b"event: document", 0, nbytes) >= 0:
            self._readers.told(self)


class Readers:
    """Many readers of one server, and one who causes the changes."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.host = url.removeprefix("http://").encode()
        self._session = session
        self._waiting: set[Reader] = set()
        self._all: list[Reader] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._done = asyncio.Event()
        self._last = 0.0
        self._is_connected = False

    def told(self, reader: Reader) -> None:
        self._waiting.discard(reader)
        if not self._waiting:
            self._last = time.perf_counter()
            self._done.set()

    async def open(self, count: int) -> None:
        host, _, port = self.host.decode().partition(":")
        loop = asyncio.get_running_loop()
        self._all = [Reader(self) for _ in range(count)]
        self._waiting = set(self._all)
        for reader in self._all:
            transport, _ = await loop.create_connection(lambda one=reader: one, host, int(port))  # type: ignore[misc]
            self._transports.append(transport)
        await asyncio.wait_for(self._done.wait(), PATIENCE_S)

    async def change(self) -> float:
        """Milliseconds from a push until the last reader has what follows from it."""
        self._waiting = set(self._all)
        self._done.clear()
        began = time.perf_counter()
        await self.push()
        await asyncio.wait_for(self._done.wait(), PATIENCE_S)
        return (self._last - began) * 1000

    async def push(self) -> None:
        self._is_connected = not self._is_connected
        report = {"process": "p", "connected": self._is_connected, "opened": 1, "failed": 0, "frames": 1}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        address = f"{self.url}/api/system/push/strategy"
        async with self._session.post(address, json=report, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


@asynccontextmanager
async def readers(url: str, count: int) -> AsyncIterator[Readers]:
    async with aiohttp.ClientSession() as session:
        opened = Readers(url, session)
        await opened.open(count)
        try:
            yield opened
        finally:
            opened.close()


# -- what is measured ------------------------------------------------------------------------


def memory_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]


@dataclass(slots=True)
class Account:
    """What was found of one server."""

    url: str
    pid: int
    found: list[float] = field(default_factory=list)
    kb: float = 0.0

    def __str__(self) -> str:
        tail = statistics.quantiles(self.found, n=100)[98]
        return f"median {statistics.median(self.found):6.1f} ms   p99 {tail:6.1f} ms"


async def side_by_side(accounts: list[Account], count: int, changes: int) -> None:
    """All streams of all servers are open; a change here, a change there, in turns."""
    async with AsyncExitStack() as stack:
        opened = []
        for one in accounts:
            before = memory_kb(one.pid)
            opened.append(await stack.enter_async_context(readers(one.url, count)))
            one.kb = (memory_kb(one.pid) - before) / count
        for _ in range(changes):
            for one, server_readers in zip(accounts, opened, strict=True):
                one.found.append(await server_readers.change())
                await asyncio.sleep(SETTLE_S)


async def beside_slow_ones(ours: Account, beside: Account, count: int, changes: int) -> int:
    """Another agent has readers that never read, and a storm behind it; how many of them are dropped."""
    slow = [await slow_reader(beside.url) for _ in range(SLOW)]
    async with readers(beside.url, 1) as opened:
        for _ in range(STORM):
            await opened.change()
    await side_by_side([ours, beside], count, changes)
    await asyncio.sleep(DROPPED_AFTER_S)
    dropped = await asyncio.gather(*(is_dropped(reader) for reader, _ in slow))
    for _, writer in slow:
        writer.close()
    return sum(dropped)


async def slow_reader(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").partition(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    line.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=line, limit=2048)
    writer.write(f"GET /api/system/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return reader, writer


async def is_dropped(reader: asyncio.StreamReader) -> bool:
    """Whether the stream has an end, once it is read at last."""
    try:
        async with asyncio.timeout(5):
            while await reader.read(1 << 20):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


async def document_size(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/system/health") as answer:
        return len(await answer.read())


async def compare(count: int, changes: int) -> None:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url, pid = await enter(agent(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        size = await document_size(url)
        bare_url, bare_pid = await enter(server(ROOT, __file__, "--bare", str(size)))
        ours, bare = Account(url, pid), Account(bare_url, bare_pid)
        await side_by_side([ours, bare], count, changes)
        ratio = statistics.median(ours.found) / statistics.median(bare.found)
        print(f"a change to the last of {count} streams, a document of {size} bytes")
        print(f"  bare aiohttp   {bare}   {bare.kb:.1f} kB a stream")
        print(f"  openbell       {ours}   {ours.kb:.1f} kB a stream   {ratio:.2f} x bare")
        if statistics.median(ours.found) > GOAL_MS:
            print(f"  above the goal of {GOAL_MS} ms")
        other_url, other_pid = await enter(agent(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        alone, beside = Account(url, pid), Account(other_url, other_pid)
        dropped = await beside_slow_ones(alone, beside, count, changes)
        ratio = statistics.median(beside.found) / statistics.median(alone.found)
        print(f"  openbell again                       {alone}")
        print(
            f"  openbell beside {SLOW} that never read   {beside}   {ratio:.2f} x that; {dropped} are dropped"
        )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--streams", type=int, default=1000)
    asked.add_argument("--changes", type=int, default=CHANGES)
    asked.add_argument(
        "--bare", type=int, metavar="BYTES", help="serve events of this size, by aiohttp alone"
    )
    said = asked.parse_args()
    allow_many_files()
    asyncio.run(serve_bare(said.bare) if said.bare else compare(said.streams, said.changes))


if __name__ == "__main__":
    main()
