"""A turn in one statement, on a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.store.postgres.agents import Facts, fleet_rows, register
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import look, release, take
from agent.store.postgres.pulse import Pulse, beat, hold_on

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
FACTS = Facts(url=None, host="one", version="1", config_hash="c", started_at=NOON)
SHORT, LONG = timedelta(seconds=5), timedelta(seconds=30)


def member(run: str = "1") -> Member:
    return Member(desk="alpha", agent="a", instance="folder", run=run)


async def entered(connection, who: Member) -> int:
    await register(connection, who, FACTS)
    return (await take(connection, who.resource, who, SHORT)).epoch


async def setting(connection) -> str:
    cursor = await connection.execute("SHOW synchronous_commit")
    return (await cursor.fetchone())[0]


async def test_a_turn_holds_on_to_the_desk_and_is_seen(connections) -> None:
    one = await connections()
    epoch = await entered(one, member())
    before = await fleet_rows(one)
    assert await hold_on(one, member(), epoch, LONG) == Pulse(is_held=True, is_seen=True)
    after, lease = await fleet_rows(one), await look(one, "desk/alpha")
    assert after.beats["a"].seen_at > before.beats["a"].seen_at
    assert after.agents == before.agents
    assert lease is not None
    assert (lease.epoch, lease.ends_in > timedelta(seconds=20)) == (epoch, True)


async def test_who_has_lost_the_desk_is_seen_all_the_same(connections) -> None:
    one = await connections()
    epoch = await entered(one, member())
    await release(one, "desk/alpha", member(), epoch)
    assert await hold_on(one, member(), epoch, LONG) == Pulse(is_held=False, is_seen=True)
    lease = await look(one, "desk/alpha")
    assert lease is not None
    assert lease.is_free


async def test_a_former_run_neither_holds_the_desk_nor_is_seen(connections) -> None:
    one = await connections()
    epoch = await entered(one, member())
    await entered(one, member("2"))
    assert await hold_on(one, member(), epoch, LONG) == Pulse(is_held=False, is_seen=False)
    assert not await beat(one, member())
    assert await beat(one, member("2"))


async def test_a_turn_need_not_reach_the_disk_and_a_taking_must(connections) -> None:
    one = await connections()
    epoch = await entered(one, member())
    for turn in (lambda: hold_on(one, member(), epoch, LONG), lambda: beat(one, member())):
        async with one.transaction():
            await turn()
            assert await setting(one) == "off"
    async with one.transaction():
        await take(one, "desk/beta", member(), LONG)
        assert await setting(one) == "on"
