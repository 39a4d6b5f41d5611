"""How long a desk is without an owner: of two agents one is killed, stopped still, cut off, lost with its
host, or told to end.

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
from tests.campaign.fleet.thing import Thing, under_watch
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


async def lost_with_its_host(member: Member) -> None:
    """Nothing comes from it any more, no end of a connection either."""
    member.proxy.stalled = True
    await member.kill()


async def caught_in_a_transaction(member: Member, thing: Thing) -> None:
    """Cut it off while it holds the lease's row."""
    member.proxy.stall_behind = b"FOR SHARE"
    thing.become("ILL")  # once more, which is news to the database
    await until(lambda: is_stalled(member))


async def is_stalled(member: Member) -> bool:
    return member.proxy.stalled


async def lost_in_a_transaction(member: Member) -> None:
    """The same, of one that was caught in it."""
    await lost_with_its_host(member)


async def told_to_end(member: Member) -> None:
    await member.stop()


BLOWS = (killed, stopped_still, cut_off, lost_with_its_host, lost_in_a_transaction, told_to_end)


async def restore(member: Member) -> None:
    """Let it be a member again, that stands by."""
    member.thaw()
    if not member.is_running:
        member.proxy.sever()  # what a lost host had said to nobody
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
            for blow in BLOWS:
                await until(partial(stands_by, database, other))
                # As long as a lease, that it may be taken at all; and until any moment of the owner's turn.
                await asyncio.sleep(4 + dice.random())
                if blow is lost_in_a_transaction:
                    await caught_in_a_transaction(owner, thing)
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
                f"{name.replace('_', ' '):<21} {what:<8} median {statistics.median(taken):.2f} s"
                f"   from {min(taken):.2f} to {max(taken):.2f} s"
            )


if __name__ == "__main__":
    main()
