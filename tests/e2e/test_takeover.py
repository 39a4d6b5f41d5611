"""Two agents of one desk: the other goes on where the one was, and nobody is told twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.campaign.fleet.members import DESK, UNSHIPPED, Member, Surroundings, members
from tests.campaign.fleet.receiver import Receiver, Seen, read_log, receiving
from tests.campaign.fleet.thing import Thing, under_watch
from tests.postgres import Database

LEASE_S = 3.0
GENEROUS_S = LEASE_S + 5.0
"""The machine that runs the tests has other things to do; what is usual stands in benchmarks/README.md."""
DEADLINE_S = 30.0
OWNER = (
    f"SELECT agent, epoch FROM openbell.lease WHERE resource = 'desk/{DESK}' AND ends_at > clock_timestamp()"
)
ROLE = "SELECT role FROM openbell.agent WHERE name = %s"


@dataclass
class Pair:
    """Who owns the desk and who stands by, what they watch and whom they tell."""

    owner: Member
    standby: Member
    thing: Thing
    receiver: Receiver
    log: Path
    database: Database

    def ask(self, query: str, *values: object) -> Any:
        with self.database.admin() as connection:
            return connection.execute(query, values).fetchone()

    async def until(self, holds: Callable[[], Awaitable[Any]], within_s: float = DEADLINE_S) -> Any:
        """What it gives once it is something."""
        async with asyncio.timeout(within_s):
            while not (found := await holds()):
                await asyncio.sleep(0.02)
        return found

    async def owned_by(self, member: Member, within_s: float = DEADLINE_S) -> int:
        """Wait for the lease to be a member's; gives the epoch."""

        async def look() -> int | None:
            row = self.ask(OWNER)
            return row[1] if row is not None and row[0] == member.name else None

        return await self.until(look, within_s)

    async def says(self, member: Member, code: str) -> Any:
        """Wait for a member's own document to have a code."""

        async def look() -> Any:
            try:
                document = await member.get("/api/system/health")
            except (aiohttp.ClientError, OSError, ValueError):
                return None
            return document if document.get("code") == code else None

        return await self.until(look)

    async def told(self, type_: str) -> Seen:
        """Wait for the receiver to have a notice of a type."""

        async def look() -> Seen | None:
            return next((one for one in read_log(self.log) if one.type == type_), None)

        return await self.until(look)

    async def stands_by(self, member: Member) -> None:
        async def look() -> bool:
            return self.ask(ROLE, member.name) == ("standby",)

        await self.until(look)


async def control(member: Member, path: str, **body: str) -> Any:
    """Ask a member to do something, as its own user's commands do."""
    token = (member.folder / "data" / "control-token").read_text()
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(member.url + path, json=body) as answer,
    ):
        assert answer.status in (200, 201), await answer.text()
        return await answer.json()


@pytest.fixture
async def pair(empty_database: Database, tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(empty_database, tmp_path) as one:
        yield one


@asynccontextmanager
async def paired(
    empty_database: Database, tmp_path: Path, *, unended: Sequence[datetime] = ()
) -> AsyncIterator[Pair]:
    """Both run, all is well, and the receiver behaves. `unended` are former starts of the second."""
    log, url = tmp_path / "received", empty_database.url
    async with (
        under_watch(tmp_path / "phases") as thing,
        receiving(log, random.Random(0)) as receiver,
        members(tmp_path, ("a", "b"), Surroundings(url, thing.url, receiver.url)) as (first, second),
    ):
        receiver.calm = True
        one = Pair(first, second, thing, receiver, log, empty_database)
        await first.start()
        await one.owned_by(first)
        await second.start(unended=unended)
        await one.stands_by(second)
        await one.says(first, "THING_WELL")
        yield one


async def killed(pair: Pair) -> None:
    await pair.owner.kill()


async def frozen(pair: Pair) -> None:
    pair.owner.freeze()


async def cut_off(pair: Pair) -> None:
    """Neither side is told: nothing comes through any more."""
    pair.owner.proxy.stalled = True


async def stopped(pair: Pair) -> None:
    assert await pair.owner.stop() == 0


async def lost_with_its_host(pair: Pair) -> None:
    """From one moment on nothing comes from it, no end of a connection either.

    The moment is the worst: it holds the lease's row, in a transaction that tells of one more silence.
    """
    log = pair.database.cluster.folder / "log"
    proxy, before = pair.owner.proxy, len(log.read_bytes())
    proxy.stall_behind = b"FOR SHARE"
    await control(pair.owner, "/api/system/silences", rule="well", duration="2h", who="asha", why="too late")

    async def is_cut() -> bool:
        return proxy.stalled

    async def is_let_go() -> bool:
        return b"idle-in-transaction timeout" in log.read_bytes()[before:]

    await pair.until(is_cut)
    await pair.owner.kill()
    await pair.until(is_let_go)


async def let_go(pair: Pair) -> None:
    """What was done to the former owner has an end, if it can have one."""
    pair.owner.thaw()
    if pair.owner.is_running:
        pair.owner.proxy.heal()


@pytest.mark.parametrize("blow", [killed, frozen, cut_off, lost_with_its_host, stopped])
async def test_the_other_goes_on_where_the_owner_was_and_nobody_is_told_twice(
    pair: Pair, blow: Callable[[Pair], Awaitable[None]], record_property: Callable[[str, object], None]
) -> None:
    pair.thing.become("ILL")
    problem = await pair.told("problem")
    before = await pair.says(pair.owner, "THING_ILL")
    word = {"who": "asha", "why": "at it"}
    await control(pair.owner, f"/api/system/incidents/{problem.incident}/ack", **word)
    silence = await control(pair.owner, "/api/system/silences", rule="well", duration="2h", **word)
    epoch = await pair.owned_by(pair.owner)
    await shipped(pair)

    began = time.monotonic()
    await blow(pair)
    assert await pair.owned_by(pair.standby, GENEROUS_S) > epoch
    owns_s = time.monotonic() - began
    after = await pair.says(pair.standby, "THING_ILL")
    serves_s = time.monotonic() - began
    record_property("took over after", f"{owns_s:.2f} s; served its document after {serves_s:.2f} s")
    print(f"{blow.__name__}: owns after {owns_s:.2f} s, serves after {serves_s:.2f} s")  # noqa: T201

    assert after["since"] == before["since"]
    assert after["machines"]["thing"]["since"] == before["machines"]["thing"]["since"]
    latest = (await pair.standby.get("/api/system/incidents?limit=1"))["incidents"][0]
    assert (latest["id"], latest["closed_at"]) == (problem.incident, None)
    assert latest["acknowledged"]["who"] == "asha"
    silences = (await pair.standby.get("/api/system/silences"))["silences"]
    assert [(one["id"], one["why"]) for one in silences] == [(silence["id"], "at it")]

    await let_go(pair)
    pair.thing.become("WELL")
    recovery = await pair.told("recovery")
    await shipped(pair)
    assert [(one.type, one.id) for one in read_log(pair.log)] == [
        ("problem", problem.id),
        ("recovery", recovery.id),
    ]
    assert recovery.incident == problem.incident
    assert recovery.agent == pair.standby.name


async def test_one_that_takes_over_and_keeps_the_plugin_out_tells_no_recovery(
    empty_database: Database, tmp_path: Path
) -> None:
    async with paired(empty_database, tmp_path, unended=[datetime.now(UTC)] * 3) as pair:
        pair.thing.become("ILL")
        problem = await pair.told("problem")
        before = await pair.says(pair.owner, "THING_ILL")
        await shipped(pair)
        pair.thing.become("WELL")
        assert await pair.owner.stop() == 0
        after = await pair.says(pair.standby, "THING_ILL")
        assert (after["since"], after["machines"]["thing"]["reason"]) == (before["since"], "PLUGIN_ERROR")
        latest = (await pair.standby.get("/api/system/incidents?limit=1"))["incidents"][0]
        assert (latest["id"], latest["closed_at"]) == (problem.incident, None)
        assert [one.id for one in read_log(pair.log)] == [problem.id]


async def shipped(pair: Pair) -> None:
    """Wait until the database knows all, and that nothing is open of what was told."""

    async def look() -> bool:
        if any(one.is_running and one.count(UNSHIPPED) for one in (pair.owner, pair.standby)):
            return False
        counts = "SELECT count(*), count(*) FILTER (WHERE state = 'delivered') FROM openbell.outbox"
        many, delivered = pair.ask(counts)
        return bool(many) and many == delivered

    await pair.until(look)
