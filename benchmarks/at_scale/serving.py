"""A process that serves the fleet behind the real gate, as an agent does, and somebody who looks at it."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from agent.clock import SystemClock
from agent.config.schema import Server
from agent.runtime.fleet_watch import FleetView
from agent.store.journal import Journal
from agent.store.postgres.agents import NEWS, fleet_rows
from agent.store.postgres.connecting import Address, connect
from agent.store.postgres.waking import CHANNEL
from agent.web.fleet import Fleet
from agent.web.site import Site


async def serve(url: str) -> None:
    """Until its input ends; says its address."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = await connect(Address(url), timeout_s=10)
        stack.push_async_callback(connection.close)
        view = FleetView(partial(fleet_rows, connection), clock=SystemClock(), me="benchmark")
        site = Site(
            Server(), folder=folder, journal=Journal(folder / "journal.sqlite"), clock=SystemClock(),
            listener=listener, base_url=address,
        )  # fmt: skip
        site.add([Fleet(SystemClock(), view)])
        await site.start()
        stack.push_async_callback(site.stop)
        for task in (asyncio.ensure_future(view.run()), asyncio.ensure_future(_hear(url, view))):
            stack.callback(task.cancel)
        print(address, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def _hear(url: str, view: FleetView) -> None:
    """Be woken by news, as an agent is."""
    connection = await connect(Address(url), timeout_s=10)
    await connection.execute(f"LISTEN {CHANNEL}")
    async for note in connection.notifies():
        if note.payload == NEWS:
            view.wake()


LEAST_S = 0.001


@dataclass
class Asked:
    """How long answers took, in seconds; how long the latest was, in bytes, as it was sent and as it is.

    `all_seen_at` is when an answer first told that every desk is in trouble.
    """

    took: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """By how much the reader's own timer was late: so busy was the machine."""
    sent: int = 0
    size: int = 0
    wanted: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    all_seen_at: float | None = None


async def look(address: str, every_s: float, until: asyncio.Event, asked: Asked) -> None:
    """Ask for the fleet again and again, as a browser does that takes it compressed."""
    headers = {"Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(auto_decompress=False, headers=headers) as session:
        due = time.perf_counter()
        while not until.is_set():
            began = time.perf_counter()
            asked.late.append(began - due)
            async with session.get(f"{address}/api/fleet/health") as answer:
                body = await answer.read()
                assert answer.status == 200
            asked.took.append(time.perf_counter() - began)
            asked.sent = len(body)
            if asked.wanted is not None and asked.all_seen_at is None:
                asked.counts = json.loads(gzip.decompress(body))["counts"]["desks"]
                if asked.counts["critical"] == asked.wanted:
                    asked.all_seen_at = time.perf_counter()
            due = max(due + every_s, time.perf_counter() + LEAST_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), due - time.perf_counter())
        asked.size = len(gzip.decompress(body))
