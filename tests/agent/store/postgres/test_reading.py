"""The shared history while servers and connections come and go."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from agent.store.entry import Entry
from agent.store.postgres.connecting import Address, SharedStoreError, connect
from agent.store.postgres.leases import take
from agent.store.postgres.questions import join
from agent.store.postgres.reading import SharedHistory, inheritance
from agent.store.postgres.shipping import ship
from tests.agent.store.postgres.shipments import DESK, LONG, NOON, Run, edge, incident, letter, member
from tests.faultproxy import proxying

A, B = member("a"), member("b")
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def history(database):
    history = SharedHistory(database.address, "alpha")
    yield history
    await history.close()


async def test_a_connection_that_has_ended_meanwhile_is_made_anew(history, database) -> None:
    assert await history.history() == []
    with database.admin() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await history.history() == []


async def test_a_server_that_dies_is_waited_for_and_has_kept_what_it_said_it_had(history, database) -> None:
    one = await connect(database.address)
    await take(one, DESK, A, LONG)
    run = Run(A)
    await ship(one, A, [run.ships(Entry((edge("1"),)))], claims_in=None)
    batch = [run.ships(Entry((edge("2"),)))]
    database.cluster.stop_immediately()
    try:
        with pytest.raises(SharedStoreError) as caught:
            await ship(one, A, batch, claims_in=None)
        assert not caught.value.lasting
        with pytest.raises(SharedStoreError, match="nobody listens"):
            await history.history()
    finally:
        database.cluster.start()
    again = await connect(database.address)
    await ship(again, A, batch, claims_in=None)
    assert [one["after"] for one in await history.history()] == ["2", "1"]
    await one.close()
    await again.close()


async def test_those_who_wait_while_nobody_answers_do_not_wait_one_after_another(database) -> None:
    async with proxying("127.0.0.1", database.cluster.port) as proxy:
        port = int(proxy.url.rsplit(":", 1)[1])
        history = SharedHistory(
            Address(database.url.replace(f":{database.cluster.port}/", f":{port}/")), "alpha"
        )
        proxy.stalled = True
        started = time.monotonic()
        found = await asyncio.gather(*(history.history() for _ in range(10)), return_exceptions=True)
        assert time.monotonic() - started < 4
        assert all(isinstance(one, SharedStoreError) for one in found)
        proxy.heal()
        assert await history.history() == []
        await history.close()


async def test_a_desk_is_read_alone(history, connections) -> None:
    one = await connections()
    other = member("b", desk="beta")
    entry = Entry((edge(incident="i"),), incidents=(incident("i"),), letters=(letter("n", 1),))
    await ship(one, other, [Run(other).ships(entry, 0)], claims_in=None)
    assert await history.history() == []
    assert await history.incidents() == []
    assert await history.incident("i") is None
    assert await history.letters() == []
    assert (await inheritance(one, "alpha", ())).last_letter == 0


async def test_no_page_ends_between_letters_of_one_number(history, connections) -> None:
    one = await connections()
    told = (letter("a", 1), letter("b", 2), letter("c", 2), letter("d", 3))
    await ship(one, A, [Run(A).ships(Entry(letters=told), 0)], claims_in=None)
    first = await history.letters(limit=2)
    assert sorted(one.notice for one in first) == ["b", "c", "d"]
    assert [one.notice for one in await history.letters(before=first[-1].seq)] == ["a"]


async def test_whoever_takes_a_desk_over_inherits_what_is_open(connections) -> None:
    one = await connections()
    ended, opened = incident("ended", closed=True), incident("opened")
    told = (letter("a", 1, opened), letter("b", 2, ended))
    entry = Entry(values=(("k", "v"),), incidents=(ended, opened), letters=told)
    await ship(one, A, [Run(A).ships(entry, 0)], claims_in=None)
    found = await inheritance(one, "alpha", (told[1].id, "none"))
    assert found.values == {"k": "v"}
    assert found.incidents == (opened,)
    assert found.letters == (told[1],)


def test_stretches_of_several_agents_that_overlap_are_one() -> None:
    def stretch(since: float, until: float):
        return NOON + since * MINUTE, NOON + until * MINUTE

    found = join([stretch(0, 10), stretch(2, 4), stretch(10, 12), stretch(12.5, 13), stretch(12.5, 14)])
    assert found == [stretch(0, 12), stretch(12.5, 14)]
