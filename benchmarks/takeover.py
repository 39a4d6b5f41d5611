"""How long a desk is without an owner: of two agents one is killed, stopped still, cut off, or told to end.

The time runs from the blow. *Owns*: the lease is the other's. *Serves*: the other one's own document says
what the first one's said.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from tests.campaign.fleet.members import DESK, Member, Surroundings, members
from tests.campaign.fleet.receiver import receiving
from tests.campaign.fleet.thing import under_watch
from tests.postgres import Database, running_cluster

ROUNDS = 8
OWNER = f"SELECT agent FROM openbell.lease WHERE resource = 'desk/{DESK}' AND ends_at > clock_timestamp()"
ROLE = "SELECT role FROM openbell.agent WHERE name = %s AND ended_at IS NULL"
PATIENCE_S = 60.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            await asyncio.sleep(0.01)


async def is_owned_by(database: Database, member: Member) -> bool:
    with database.admin() as connection:
        return connection.execute(OWNER).fetchone() == (member.name,)


async def stands_by(database: Database, member: Member) -> bool:
    with database.admin() as connection:
        return connection.execute(ROLE, (member.name,)).fetchone() == ("standby",)


async def says(member: Member) -> bool:
    with suppress(aiohttp.ClientError, OSError, ValueError):
        document: Any = await member.get("/api/system/health")
        return document.get("code") == "THING_ILL"
    return False


async def killed(member: Member) -> None:
    await member.kill()


async def stopped_still(member: Member) -> None:
    member.freeze()


async def cut_off(member: Member) -> None:
    member.proxy.stalled = True


async def told_to_end(member: Member) -> None:
    await member.stop()


async def restore(member: Member) -> None:
    """Let it be a member again, that stands by."""
    member.thaw()
    member.proxy.heal()
    if not member.is_running:
        await member.start()


async def hand_over(
    database: Database, owner: Member, other: Member, blow: Callable[[Member], Awaitable[None]]
) -> tuple[float, float]:
    """Seconds until the other owns, and until it serves."""
    began = time.perf_counter()
    done = asyncio.ensure_future(blow(owner))
    await until(lambda: is_owned_by(database, other))
    owns = time.perf_counter() - began
    await until(lambda: says(other))
    serves = time.perf_counter() - began
    await done
    return owns, serves


async def measure(database: Database, folder: Path) -> dict[str, list[tuple[float, float]]]:
    dice, found = random.Random(1), defaultdict[str, list[tuple[float, float]]](list)
    async with (
        under_watch(folder / "phases") as thing,
        receiving(folder / "received", random.Random(0)) as receiver,
        members(folder, ("a", "b"), Surroundings(database.url, thing.url, receiver.url)) as pair,
    ):
        receiver.calm = True
        owner, other = pair
        await owner.start()
        await until(lambda: is_owned_by(database, owner))
        thing.become("ILL")
        await until(lambda: says(owner))
        await other.start()
        for _ in range(ROUNDS):
            for blow in (killed, stopped_still, cut_off, told_to_end):
                await until(partial(stands_by, database, other))
                # As long as a lease, that it may be taken at all; and until any moment of the owner's turn.
                await asyncio.sleep(4 + dice.random())
                found[blow.__name__].append(await hand_over(database, owner, other, blow))
                await restore(owner)
                owner, other = other, owner
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_cluster({"fsync": "on"}) as cluster:
        found = asyncio.run(measure(Database(cluster, cluster.create()), Path(folder)))
    for name, times in found.items():
        for what, taken in zip(("owns", "serves"), zip(*times, strict=True), strict=True):
            print(
                f"{name.replace('_', ' '):<16} {what:<8} median {statistics.median(taken):.2f} s"
                f"   from {min(taken):.2f} to {max(taken):.2f} s"
            )


if __name__ == "__main__":
    main()
