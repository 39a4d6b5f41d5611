"""Leases on a real server."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from agent.store.postgres.identity import Member
from agent.store.postgres.leases import look, release, renew, take
from agent.store.postgres.waking import listens, wait

DESK = "desk/alpha"
LONG = timedelta(seconds=30)
OVER = timedelta(0)


def member(name: str, run: str = "1", desk: str = "alpha") -> Member:
    return Member(desk=desk, agent=name, instance=f"folder-{name}", run=f"{name}-{run}")


async def test_the_first_who_asks_has_it_and_the_second_sees_who(connections) -> None:
    one = await connections()
    first = await take(one, DESK, member("a"), LONG)
    second = await take(one, DESK, member("b"), LONG)
    assert (first.agent, first.epoch, first.is_of(member("a"))) == ("a", 1, True)
    assert (second.agent, second.epoch, second.is_of(member("b"))) == ("a", 1, False)
    assert second.since == first.since
    assert timedelta(seconds=25) < second.ends_in <= LONG


async def test_a_lease_that_has_ended_is_taken_in_a_new_epoch(connections) -> None:
    one = await connections()
    await take(one, DESK, member("a"), OVER)
    taken = await take(one, DESK, member("b"), LONG)
    assert (taken.agent, taken.epoch) == ("b", 2)
    assert not await renew(one, DESK, member("a"), 1, LONG)


async def test_renewing_keeps_the_epoch_and_asking_again_changes_nothing(connections) -> None:
    one = await connections()
    await take(one, DESK, member("a"), timedelta(seconds=5))
    assert await renew(one, DESK, member("a"), 1, LONG)
    again = await take(one, DESK, member("a"), timedelta(seconds=5))
    assert (again.epoch, again.ends_in > timedelta(seconds=20)) == (1, True)


async def test_a_lease_that_has_ended_and_nobody_took_is_renewed(connections) -> None:
    one = await connections()
    await take(one, DESK, member("a"), OVER)
    assert await renew(one, DESK, member("a"), 1, LONG)
    assert (await take(one, DESK, member("b"), LONG)).agent == "a"


async def test_an_agent_takes_its_own_former_lease_at_once(connections) -> None:
    one = await connections()
    await take(one, DESK, member("a", run="1"), LONG)
    taken = await take(one, DESK, member("a", run="2"), LONG)
    assert (taken.run, taken.epoch) == ("a-2", 2)
    assert not await renew(one, DESK, member("a", run="1"), 1, LONG)


async def test_what_is_released_is_the_next_ones_at_once_and_no_more_renewed(connections) -> None:
    one, other = await connections(), await connections()
    assert await listens(other)
    await take(one, DESK, member("a"), LONG)
    await release(one, DESK, member("b"), 1)
    assert (await take(one, DESK, member("b"), LONG)).agent == "a"
    await release(one, DESK, member("a"), 1)
    assert await wait(other, 5) == {f"lease/{DESK}"}
    assert not await renew(one, DESK, member("a"), 1, LONG)
    assert (await take(other, DESK, member("b"), LONG)).epoch == 2


async def test_nobody_holds_what_was_never_taken(connections) -> None:
    one = await connections()
    assert await look(one, DESK) is None
    await take(one, DESK, member("a"), LONG)
    found = await look(one, DESK)
    assert found is not None
    assert found.is_of(member("a"))


@pytest.mark.parametrize("seed", range(3))
async def test_eight_takers_are_never_two_owners_in_one_epoch(connections, seed) -> None:
    chance = random.Random(seed)
    held: dict[int, set[str]] = {}

    async def live(name: str) -> None:
        connection = await connections()
        who = member(name)
        for _ in range(12):
            lease = await take(connection, DESK, who, timedelta(milliseconds=chance.choice([0, 2, 20])))
            if lease.is_of(who):
                held.setdefault(lease.epoch, set()).add(name)
                if chance.random() < 0.5:
                    await renew(connection, DESK, who, lease.epoch, timedelta(milliseconds=5))
                if chance.random() < 0.5:
                    await release(connection, DESK, who, lease.epoch)

    await asyncio.gather(*(live(f"agent-{number}") for number in range(8)))
    assert all(len(owners) == 1 for owners in held.values())
    assert len(held) >= 8, "it has changed hands"
