"""A process that ships what some agents have to tell: as told by lines of JSON, which it answers with one."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from agent.store.postgres.connecting import Address
from at_scale.desks import Desk, Pool, Taken

CONNECTIONS = 8
"""For all its agents; a real agent has one of its own."""
WORKERS = 2
STORM_S = 1.0


async def change(url: str, agents: int, worker: int) -> None:
    """Enter the worker's share of the agents, say so, and do as told."""
    rng, pool = random.Random(worker), Pool()
    await pool.fill(Address(url), CONNECTIONS)
    desks = [Desk(number, pool) for number in range(worker, agents, WORKERS)]
    await asyncio.gather(*(desk.enter() for desk in desks))
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    ways: dict[str, Callable[..., Awaitable[None]]] = {
        "steady": steady, "settle": settle, "storm": storm, "flat_out": flat_out,
    }  # fmt: skip
    while line := await lines.readline():
        told = json.loads(line)
        rng.shuffle(desks)
        taken, cpu, began = Taken(), time.process_time(), time.perf_counter()
        await ways[told.pop("do")](desks, taken, rng, **told)
        taken.cpu_s = time.process_time() - cpu
        taken.lasted_s = time.perf_counter() - began
        print(json.dumps(asdict(taken)), flush=True)


async def steady(desks: list[Desk], taken: Taken, rng: random.Random, seconds: float, every: float) -> None:
    """Each agent now and then, at any instant, whether or not what came before has landed."""
    due = began = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()
    for desk in _round_and_round(desks):
        due += rng.expovariate(len(desks) / every)
        if due > began + seconds:
            break
        await asyncio.sleep(due - time.perf_counter())
        under_way.add(task := asyncio.ensure_future(desk.change(taken, due)))
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


async def settle(desks: list[Desk], taken: Taken, rng: random.Random) -> None:
    """All of them are well."""
    await asyncio.gather(*(desk.change(taken, time.perf_counter()) for desk in desks if desk.is_ill))


async def storm(desks: list[Desk], taken: Taken, rng: random.Random) -> None:
    """All of them within a second, as when an exchange halts."""

    async def one(desk: Desk, due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        await desk.change(taken, due)

    began = time.perf_counter()
    await asyncio.gather(*(one(desk, began + rng.uniform(0, STORM_S)) for desk in desks))


async def flat_out(desks: list[Desk], taken: Taken, rng: random.Random, seconds: float) -> None:
    """As many changes as the database takes, a few at a time."""
    until, free = time.perf_counter() + seconds, _round_and_round(desks)

    async def one() -> None:
        while time.perf_counter() < until:
            await next(free).change(taken, time.perf_counter())

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


def _round_and_round(desks: list[Desk]):
    while True:
        yield from desks
