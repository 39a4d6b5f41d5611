"""Requests a second for the health document: the agent beside FastAPI with uvicorn, in one run, in turns.

    python benchmarks/serving.py             # ten rounds of a second each
    python benchmarks/serving.py --rounds 2

Each server is a process of its own and is asked over 32 connections that stay open. The agent is the real
program, with its checks of host, origin and caller; bare aiohttp beside it has none. FastAPI serves the same
document twice: as bytes made beforehand, and through its pydantic model, as its users mostly write it. Each
serves from one core, so that requests a second of that core's time are what a quiet machine would serve, and
hold on a busy one. Goal: twice FastAPI's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL = 2.0
CONNECTIONS = 32
TICKS = os.sysconf("SC_CLK_TCK")
HEALTH = "/api/system/health"


def serve_fastapi(document: Path) -> None:
    """The document as FastAPI serves it: ready, and through the model."""
    import uvicorn
    from fastapi import FastAPI, Response

    from agent.health.document import HealthDocument

    body = document.read_bytes()
    model = HealthDocument.model_validate_json(body)
    app = FastAPI()

    @app.get("/bytes", response_model=None)
    async def ready():  # type: ignore[no-untyped-def]
        return Response(body, media_type="application/json", headers={"ETag": '"tag"'})

    @app.get("/model", response_model=HealthDocument)
    async def through_the_model():  # type: ignore[no-untyped-def]
        return model

    # of a named protocol, for asyncio sends at once (TCP_NODELAY) only on such a socket
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    print(f"API at http://127.0.0.1:{listener.getsockname()[1]}, ready", flush=True)
    config = uvicorn.Config(app, access_log=False, log_level="error", http="httptools", loop="asyncio")
    uvicorn.Server(config).run(sockets=[listener])


async def serve_bare(document: Path) -> None:
    """The document by aiohttp alone."""
    from aiohttp import web

    body = document.read_bytes()

    async def ready(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json", headers={"ETag": '"tag"'})

    app = web.Application()
    app.router.add_get(HEALTH, ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    print(f"API at http://127.0.0.1:{listener.getsockname()[1]}, ready", flush=True)
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


class Asker(asyncio.BufferedProtocol):
    """One connection that asks again as soon as it is answered, and counts."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = bytearray(1 << 16)
        self._missing = 0
        self._length = 0
        self.count = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        transport.write(self._request)  # type: ignore[attr-defined]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._missing -= nbytes
        if self._missing < 0:  # the beginning of an answer
            self._missing += self._whole(nbytes)
        if self._missing == 0:
            self.count += 1
            self.transport.write(self._request)  # type: ignore[union-attr]

    def _whole(self, nbytes: int) -> int:
        """The length of the answer that begins in the buffer; all answers of a server are of one shape."""
        end = self._buffer.index(b"\r\n\r\n", 0, nbytes) + 4
        if not self._length:
            head = bytes(self._buffer[:end]).lower()
            assert b" 200 " in head or b" 304 " in head, head
            found = re.search(rb"content-length: (\d+)", head)
            self._length = int(found[1]) if found and b" 304 " not in head else 0
        return end + self._length


@dataclass(slots=True)
class Contestant:
    """A way to serve, its address, and the requests a second that it made in each round."""

    name: str
    url: str
    path: str
    pid: int
    rates: list[float] = field(default_factory=list)
    per_cpu: list[float] = field(default_factory=list)

    @property
    def request(self) -> bytes:
        host = self.url.removeprefix("http://")
        return f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    async def race(self, seconds: float) -> None:
        host, _, port = self.url.removeprefix("http://").partition(":")
        loop = asyncio.get_running_loop()
        askers = []
        for _ in range(CONNECTIONS):
            _, asker = await loop.create_connection(lambda: Asker(self.request), host, int(port))
            askers.append(asker)
        before, began, cpu = sum(one.count for one in askers), time.perf_counter(), cpu_s(self.pid)
        await asyncio.sleep(seconds)
        count = sum(one.count for one in askers) - before
        self.rates.append(count / (time.perf_counter() - began))
        self.per_cpu.append(count / (cpu_s(self.pid) - cpu))
        for one in askers:
            one.transport.close()


def cpu_s(pid: int) -> float:
    """The seconds of a processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def document(url: str) -> bytes:
    with urllib.request.urlopen(url + HEALTH) as answer:
        return bytes(answer.read())


async def compare(rounds: int, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        demo = ("demo", "--port", "0", "--broker-port", "0", "--data-dir", "desk")
        at = ("--at", "2026-11-22T10:00:00+05:30")  # a Sunday, so that nothing else goes on
        ours, our_pid = await stack.enter_async_context(server(folder, "-m", "agent.cli", *demo, *at))
        body = document(ours)
        (folder / "document.json").write_bytes(body)
        rival, rival_pid = await stack.enter_async_context(
            server(folder, __file__, "--fastapi", str(folder / "document.json"))
        )
        bare, bare_pid = await stack.enter_async_context(
            server(folder, __file__, "--bare", str(folder / "document.json"))
        )
        contestants = [
            Contestant("openbell", ours, HEALTH, our_pid),
            Contestant("bare aiohttp", bare, HEALTH, bare_pid),
            Contestant("FastAPI, ready bytes", rival, "/bytes", rival_pid),
            Contestant("FastAPI, through its model", rival, "/model", rival_pid),
        ]
        for _ in range(rounds):
            for one in contestants:
                await one.race(seconds)
        print(f"requests a second for a document of {len(body)} bytes, {CONNECTIONS} connections")
        print(f"  {'':<28}{'a second':>10}{'a CPU second of the server':>30}")
        first = statistics.median(contestants[0].per_cpu)
        for one in contestants:
            rate, per_cpu = statistics.median(one.rates), statistics.median(one.per_cpu)
            times = "" if one is contestants[0] else f"   openbell is {first / per_cpu:.2f} x"
            print(f"  {one.name:<28}{rate:>10,.0f}{per_cpu:>30,.0f}{times}")
        if first < GOAL * statistics.median(contestants[2].per_cpu):
            print(f"  below the goal of {GOAL:g} x FastAPI's ready bytes")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=10)
    asked.add_argument("--seconds", type=float, default=1.0)
    asked.add_argument("--fastapi", type=Path, metavar="FILE", help="serve this document by FastAPI")
    asked.add_argument("--bare", type=Path, metavar="FILE", help="serve this document by aiohttp alone")
    said = asked.parse_args()
    if said.bare is not None:
        asyncio.run(serve_bare(said.bare))
    elif said.fastapi is not None:
        serve_fastapi(said.fastapi)
    else:
        asyncio.run(compare(said.rounds, said.seconds))


if __name__ == "__main__":
    main()
