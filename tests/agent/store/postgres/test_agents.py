"""Who there is, beats, ends and what is forgotten, on a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.fleet.lost import lost_of
from agent.fleet.rows import FleetRows, Forgotten, Presence, Role, laid_on, presence
from agent.store.postgres.agents import (
    NEWS,
    Facts,
    beat,
    end,
    fleet_rows,
    forget,
    has_standby,
    register,
)
from agent.store.postgres.connecting import SharedStoreError
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import take
from agent.store.postgres.waking import listens, wait

FACTS = Facts(
    url="https://mumbai-1.example",
    host="one.example",
    version="1",
    config_hash="c0ffee",
    started_at=datetime(2026, 11, 23, 3, tzinfo=UTC),
)
NOTHING_HEARD_S = 0.3


def member(name: str = "mumbai-1", *, run: str = "1", folder: str | None = None) -> Member:
    return Member(desk="mumbai", agent=name, instance=folder or f"folder-{name}", run=f"{name}-{run}")


def word(code: str = "LIVE", message: str = "well", severity: str = "ok") -> str:
    return f'{{"status":"pass","code":"{code}","severity":"{severity}","message":"{message}"}}'


async def say(connection, who: Member, text: str | None = None, role: Role = Role.OWNER, offset=2.5):
    return await beat(connection, who, offset_ms=offset, word=text, role=role)


async def age(connection, name: str, seconds: float) -> None:
    """As if all that was heard of an agent were older."""
    by = timedelta(seconds=seconds)
    await connection.execute("UPDATE openbell.beat SET seen_at = seen_at - %s WHERE agent = %s", (by, name))
    await connection.execute(
        "UPDATE openbell.agent SET changed_at = changed_at - %s WHERE name = %s", (by, name)
    )


def states(rows: FleetRows) -> dict[str, Presence]:
    rows = replace(rows, up_since=None)  # the test's server was started just now
    return {name: presence(agent, rows) for name, agent in rows.agents.items()}


# -- entering ------------------------------------------------------------------------------------


async def test_an_agent_enters_with_what_it_is_and_is_there(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    rows = await fleet_rows(one)
    agent = rows.agents["mumbai-1"]
    assert (agent.desk, agent.url, agent.host, agent.version, agent.config_hash, agent.started_at) == (
        "mumbai", FACTS.url, FACTS.host, FACTS.version, FACTS.config_hash, FACTS.started_at,
    )  # fmt: skip
    assert (agent.role, agent.word, agent.ended_at) == (Role.STANDBY, None, None)
    assert timedelta(0) <= rows.at - rows.beats["mumbai-1"].seen_at < timedelta(seconds=5)
    assert rows.up_since is not None
    assert states(rows) == {"mumbai-1": Presence.HERE}


async def test_a_second_living_agent_of_the_name_is_refused_and_told_where_the_first_is(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await say(one, member())
    with pytest.raises(SharedStoreError) as refused:
        await register(one, member(folder="another", run="2"), replace(FACTS, host="two.example"))
    assert refused.value.lasting
    text = str(refused.value)
    assert "another agent is named mumbai-1: at one.example, seen 0." in text
    assert text.endswith("s ago; give one of them another `name`")
    assert (await say(one, member())).is_ours


async def test_of_two_that_enter_at_once_one_is_refused(connections) -> None:
    some = [await connections() for _ in range(6)]
    asked = [
        register(connection, member(folder=f"folder-{number}", run=str(number)), FACTS)
        for number, connection in enumerate(some)
    ]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(isinstance(one, SharedStoreError) for one in found) == [False, *[True] * 5]


@pytest.mark.parametrize(
    "gone", ["silent for longer than ten seconds", "stopped as planned", "the same folder, a moment ago"]
)
async def test_a_name_that_nobody_living_has_is_taken(connections, gone: str) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await say(one, member(), word())
    next_one = member(folder="another", run="2")
    if gone == "silent for longer than ten seconds":
        await age(one, "mumbai-1", 11)
    elif gone == "stopped as planned":
        await end(one, member())
    else:
        next_one = member(run="2")
    await register(one, next_one, FACTS)
    rows = await fleet_rows(one)
    assert (rows.agents["mumbai-1"].run, rows.agents["mumbai-1"].word) == (next_one.run, None)
    assert rows.agents["mumbai-1"].ended_at is None
    assert not (await say(one, member())).is_ours
    assert (await say(one, next_one)).is_ours


# -- beats ---------------------------------------------------------------------------------------


async def test_a_beat_says_that_the_agent_lives_and_changes_nothing_else(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await say(one, member(), word())
    before = await fleet_rows(one)
    told = await say(one, member())
    after = await fleet_rows(one)
    assert told.seen_at == after.beats["mumbai-1"].seen_at > before.beats["mumbai-1"].seen_at
    assert after.beats["mumbai-1"].clock_offset_ms == 2.5
    assert after.agents == before.agents


async def test_a_beat_need_not_reach_the_disk_and_a_word_must(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    async with one.transaction():
        await say(one, member())
        assert await setting(one) == "off"
    async with one.transaction():
        await say(one, member(), word())
        assert await setting(one) == "on"
    assert await setting(one) == "on"


async def setting(connection) -> str:
    cursor = await connection.execute("SHOW synchronous_commit")
    return (await cursor.fetchone())[0]


@pytest.mark.parametrize(
    ("text", "role", "is_told"),
    [
        pytest.param(None, Role.OWNER, False, id="a mere beat"),
        pytest.param(word(message="other words"), Role.OWNER, False, id="another message"),
        pytest.param(word(), Role.OWNER, False, id="the same word"),
        pytest.param(word("FEED_STALE"), Role.OWNER, True, id="another code"),
        pytest.param(word(severity="warning"), Role.OWNER, True, id="another severity"),
        pytest.param(None, Role.STANDBY, True, id="another role"),
    ],
)
async def test_others_are_woken_only_by_what_matters_to_them(
    connections, text: str | None, role: Role, is_told: bool
) -> None:
    one, other = await connections(), await connections()
    await register(one, member(), FACTS)
    await say(one, member(), word())
    assert await listens(other)
    await say(one, member(), text, role)
    assert await wait(other, 5 if is_told else NOTHING_HEARD_S) == ({NEWS} if is_told else set())


async def test_of_many_that_change_at_once_the_first_wakes_the_others(connections) -> None:
    one, other = await connections(), await connections()
    both = (member(), member("mumbai-2"))
    for who in both:
        await register(one, who, FACTS)
        await say(one, who, word())
        await age(one, who.agent, 60)
    assert await listens(other)
    await say(one, both[0], word("FEED_STALE"))
    assert await wait(other, 5) == {NEWS}
    await age(one, "mumbai-1", -60)  # surely less than a second ago, however slow the machine
    await say(one, both[1], word("FEED_STALE"))
    assert await wait(other, NOTHING_HEARD_S) == set()
    await age(one, "mumbai-1", 120)
    await say(one, both[1], word())
    assert await wait(other, 5) == {NEWS}


async def test_a_word_that_nobody_can_read_does_not_stop_the_beats(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await one.execute("UPDATE openbell.agent SET word = '{not json', role = 'king'")
    assert (await fleet_rows(one)).agents["mumbai-1"].role is Role.ALONE
    assert (await say(one, member(), word())).is_ours
    assert (await fleet_rows(one)).agents["mumbai-1"].word == word()


async def test_one_that_ended_and_goes_on_is_there_again(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await end(one, member())
    assert states(await fleet_rows(one)) == {"mumbai-1": Presence.ENDED}
    await say(one, member())
    assert states(await fleet_rows(one)) == {"mumbai-1": Presence.HERE}


async def test_a_former_run_does_not_end_the_present_one(connections) -> None:
    one = await connections()
    await register(one, member(run="1"), FACTS)
    await register(one, member(run="2"), FACTS)
    await end(one, member(run="1"))
    assert states(await fleet_rows(one)) == {"mumbai-1": Presence.HERE}


# -- who is lost ---------------------------------------------------------------------------------


async def test_who_is_silent_is_lost_by_the_clock_of_the_database(connections) -> None:
    one = await connections()
    for name in ("mumbai-1", "mumbai-2"):
        await register(one, member(name), FACTS)
    await age(one, "mumbai-2", 10.5)
    rows = await fleet_rows(one)
    assert states(rows) == {"mumbai-1": Presence.HERE, "mumbai-2": Presence.SILENT}
    assert [found.name for found in lost_of(replace(rows, up_since=None))] == ["mumbai-2"]


async def test_silence_from_before_the_server_was_up_is_nobodys_fault(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    await age(one, "mumbai-1", 3_600)
    rows = await fleet_rows(one)
    started = replace(rows, up_since=rows.at - timedelta(seconds=9))
    assert lost_of(started) == ()
    assert len(lost_of(replace(rows, up_since=rows.at - timedelta(seconds=11)))) == 1


async def test_a_standby_counts_while_it_is_heard_of(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    assert not await has_standby(one, member())
    await register(one, member("mumbai-2"), FACTS)
    assert await has_standby(one, member())
    await age(one, "mumbai-2", 11)
    assert not await has_standby(one, member())
    await say(one, member("mumbai-2"), role=Role.STANDBY)
    assert await has_standby(one, member())
    await end(one, member("mumbai-2"))
    assert not await has_standby(one, member())


# -- forgetting ----------------------------------------------------------------------------------


async def test_only_who_is_silent_or_ended_is_forgotten(connections) -> None:
    one = await connections()
    await register(one, member(), FACTS)
    assert await forget(one, "mumbai-1") is Forgotten.HERE
    await age(one, "mumbai-1", 11)
    assert await forget(one, "mumbai-1") is Forgotten.GONE
    assert await forget(one, "mumbai-1") is Forgotten.NOT_KNOWN
    assert (await fleet_rows(one)).beats == {}
    await register(one, member(), FACTS)
    await end(one, member())
    assert await forget(one, "mumbai-1") is Forgotten.GONE


# -- reading -------------------------------------------------------------------------------------


async def test_later_only_what_changed_is_read_and_laid_on_what_was_known(connections) -> None:
    one = await connections()
    for number in range(5):
        await register(one, member(f"a-{number}"), FACTS)
        await age(one, f"a-{number}", 60)
    known = await fleet_rows(one)
    assert len(known.agents) == 5
    await say(one, member("a-1"), word("FEED_STALE"))
    await forget(one, "a-2")
    news = await fleet_rows(one, known.at)
    assert set(news.agents) == {"a-1"}
    assert set(news.beats) == {"a-0", "a-1", "a-3", "a-4"}
    rows = laid_on(known, news)
    assert set(rows.agents) == {"a-0", "a-1", "a-3", "a-4"}
    assert rows.agents["a-1"].word == word("FEED_STALE")
    assert rows.agents["a-3"] == known.agents["a-3"]


async def test_a_change_whose_transaction_ends_late_is_not_missed(connections) -> None:
    one, other = await connections(), await connections()
    await register(one, member(), FACTS)
    await age(one, "mumbai-1", 60)
    async with one.transaction():
        await say(one, member(), word())
        known = await fleet_rows(other)
        assert known.agents["mumbai-1"].word is None
    news = laid_on(known, await fleet_rows(other, known.at))
    assert news.agents["mumbai-1"].word == word()


async def test_leases_are_read_with_their_ends(connections) -> None:
    one = await connections()
    await take(one, "desk/mumbai", member(), timedelta(seconds=3))
    rows = await fleet_rows(one)
    [lease] = rows.leases
    assert (lease.resource, lease.agent, lease.epoch) == ("desk/mumbai", "mumbai-1", 1)
    assert timedelta(0) < lease.ends_at - rows.at <= timedelta(seconds=3)


async def test_an_empty_fleet_has_an_instant_all_the_same(connections) -> None:
    rows = await fleet_rows(await connections())
    assert (rows.agents, rows.beats, rows.leases) == ({}, {}, ())
    assert rows.at.tzinfo is UTC
