"""From a change to the webhook, by an agent alone and by one that shares a PostgreSQL, in turns.

Both are real agents, processes of their own, and ask a server for the state of what they watch; it answers
as soon as the state changes. The time runs from then to the webhook's arrival. What the one that shares adds
is the trip on which it ships the change and claims the notice.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aiohttp import web
from delivery import Receiver, account

from tests.campaign.fleet.members import Member, Surroundings, members
from tests.campaign.fleet.thing import Thing, under_watch
from tests.postgres import running_cluster

CHANGES = 100
WARM = 10
HELD_S = 0.6
"""So long a question is held where nothing changes: less than the agents wait."""
PAUSE_S = 0.1


class Patient:
    """Has a thing answer when it changes."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self._changed, self._asked = asyncio.Event(), asyncio.Event()
        self._answer = thing.answer

    async def answer(self, request: web.Request) -> web.Response:
        self._asked.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_S):
                await self._changed.wait()
        return await self._answer(request)

    async def become(self, state: str) -> float:
        """When it changed: as soon as somebody waits for it."""
        self._asked.clear()
        await self._asked.wait()
        self._thing.become(state)
        began = time.perf_counter()
        self._changed.set()
        self._changed = asyncio.Event()
        return began


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[Patient, str]]:
    async with under_watch(folder / "phases") as thing:
        patient = Patient(thing)
        application = web.Application()
        application.router.add_get("/", patient.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield patient, f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()


class Told:
    """An agent, what it watches and whom it tells."""

    def __init__(self, patient: Patient, receiver: Receiver) -> None:
        self._patient, self._receiver = patient, receiver
        self.took: list[float] = []

    async def change(self) -> None:
        """Go ill and recover, each told."""
        for state in ("ILL", "WELL"):
            self._receiver.came.clear()
            began = await self._patient.become(state)
            self.took.append((await self._receiver.next() - began) * 1000)
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def told(folder: Path, store: str, *, is_alone: bool) -> AsyncIterator[Told]:
    folder.mkdir()
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    hook = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with watched(folder) as (patient, url), AsyncExitStack() as stack:
        stack.callback(server.close)
        (member,) = await stack.enter_async_context(members(folder, ["a"], Surroundings(store, url, hook)))
        if is_alone:
            stay_alone(member)
        await member.start()
        yield Told(patient, receiver)


def stay_alone(member: Member) -> None:
    file = member.folder / "agent.toml"
    before, _, rest = file.read_text().partition("[store]")
    file.write_text(before + "[plugins]" + rest.partition("[plugins]")[2])


async def measure(url: str, folder: Path) -> None:
    async with (
        told(folder / "alone", url, is_alone=True) as alone,
        told(folder / "shared", url, is_alone=False) as shared,
    ):
        for number in range(WARM + CHANGES):
            for one in (alone, shared):
                await one.change()
                if number < WARM:
                    one.took.clear()
    more = statistics.median(shared.took) - statistics.median(alone.took)
    print(f"alone    {account(alone.took)}")
    print(f"shared   {account(shared.took)}   {more:.1f} ms more")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_cluster({"fsync": "on"}) as cluster:
        asyncio.run(measure(cluster.url(cluster.create()), Path(folder)))


if __name__ == "__main__":
    main()
