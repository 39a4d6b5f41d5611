"""Claims of letters on a real server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from agent.alerts import letters as post
from agent.alerts.letters import Letter, LetterState
from agent.model import Receipt
from agent.store.entry import Entry
from agent.store.postgres.claiming import claim, waits
from agent.store.postgres.connecting import Connection, SharedStoreError, writing
from agent.store.postgres.leases import release, take
from agent.store.postgres.shipping import ship
from tests.agent.store.postgres.shipments import DESK, LONG, NOON, Run, incident, letter, member

A, B = member("a"), member("b")


@pytest.fixture
async def one(connections):
    connection = await connections()
    await take(connection, DESK, A, LONG)
    return connection


def notices(letters) -> list[str]:
    return [one.notice for one in letters]


async def test_the_owner_gets_its_letters_as_they_are_shipped_each_once(one) -> None:
    run = Run(A)
    told = tuple(letter(f"n{seq}", seq, incident()) for seq in (2, 1, 3))
    first = await ship(one, A, [run.ships(Entry(letters=told))], claims_in=1)
    assert list(first.claimed) == sorted(told, key=lambda one: one.seq)
    more = await ship(one, A, [run.ships(Entry(letters=(letter("n4", 4),)))], claims_in=1)
    assert notices(more.claimed) == ["n4"]
    assert (await ship(one, A, (), claims_in=1)).claimed == ()


async def test_to_look_whether_a_letter_waits_is_to_claim_none(one) -> None:
    assert not await waits(one, A.desk, 1)
    await ship(one, A, [Run(A).ships(Entry(letters=(letter("n1", 1),)))], claims_in=None)
    assert await waits(one, A.desk, 1)
    assert notices((await ship(one, A, (), claims_in=1)).claimed) == ["n1"]
    assert not await waits(one, A.desk, 1)
    assert await waits(one, A.desk, 1, again=True)
    assert await waits(one, A.desk, 2)


async def test_what_has_ended_is_not_claimed_and_what_was_begun_is(one) -> None:
    begun, told = post.claim(letter("n1", 1)), letter("n2", 2)
    entry = Entry(letters=(begun, post.deliver(told, Receipt(status="200"), NOON)))
    landed = await ship(one, A, [Run(A).ships(entry)], claims_in=1)
    assert landed.claimed == (begun,)


async def test_a_change_of_a_claimed_letter_does_not_make_it_claimed_again(one) -> None:
    run, told = Run(A), letter("n1", 1)
    await ship(one, A, [run.ships(Entry(letters=(told,)))], claims_in=1)
    again = await ship(one, A, [run.ships(Entry(letters=(post.claim(told),)))], claims_in=1)
    assert again.claimed == ()


async def test_who_has_not_heard_what_it_claimed_is_told_again(one) -> None:
    run, told = Run(A), tuple(letter(f"n{seq}", seq) for seq in (1, 2))
    await ship(one, A, [run.ships(Entry(letters=told))], claims_in=1)
    ended = post.deliver(told[0], Receipt(status="200"), NOON)
    more = [run.ships(Entry(letters=(ended, letter("n3", 3))))]
    assert notices((await ship(one, A, more, claims_in=1, claims_again=True)).claimed) == ["n2", "n3"]


async def test_the_next_owner_claims_what_is_open_anew_and_the_former_one_nothing(one) -> None:
    run = Run(A)
    await ship(one, A, [run.ships(Entry(letters=(letter("n1", 1),)))], claims_in=1)
    await release(one, DESK, A, 1)
    assert (await take(one, DESK, B, LONG)).epoch == 2
    assert (await ship(one, A, [run.ships(Entry(letters=(letter("n2", 2),)))], claims_in=1)).claimed == ()
    assert notices((await ship(one, B, (), claims_in=2)).claimed) == ["n1", "n2"]
    assert (await ship(one, B, (), claims_in=2)).claimed == ()


async def test_one_that_another_holds_keeps_back_those_behind_it_and_no_others(one, database) -> None:
    told = (
        letter("a1", 1, incident()),
        letter("a2", 2, incident()),
        letter("b1", 3, incident(), notifier="slack"),
        letter("c1", 4, incident(), group="alpha"),
        letter("a3", 5, incident()),
    )
    await ship(one, A, [Run(A).ships(Entry(letters=told))], claims_in=None)
    with database.admin() as other, other.transaction():
        other.execute("SELECT FROM openbell.outbox WHERE notice = 'a2' FOR UPDATE")
        assert notices((await ship(one, A, (), claims_in=1)).claimed) == ["a1", "b1", "c1"]
    assert notices((await ship(one, A, (), claims_in=1)).claimed) == ["a2", "a3"]


async def test_a_letter_that_nobody_can_read_is_given_up_alone(one, database, caplog) -> None:
    told = tuple(letter(f"n{seq}", seq, incident()) for seq in (1, 2))
    await ship(one, A, [Run(A).ships(Entry(letters=told))], claims_in=None)
    with database.admin() as other:
        other.execute("UPDATE openbell.outbox SET severity = 'terrible' WHERE notice = 'n1'")
        assert notices((await ship(one, A, (), claims_in=1)).claimed) == ["n2"]
        row = other.execute("SELECT state, last_error FROM openbell.outbox WHERE notice = 'n1'").fetchone()
    assert row is not None
    assert row[0] == LetterState.DEAD
    assert "cannot be read" in row[1]
    assert "given up" in caplog.text


class _ChangedMindError(Exception):
    """A claimer that ends its transaction without a commit."""


@dataclass
class Bustle:
    """Claimers and others that hold letters for moments, at random.

    Where this process was held up for too long in a transaction, the server has ended it, and it is begun
    anew as an agent would.
    """

    chance: random.Random
    connect: Callable[[], Awaitable[Connection]]
    claimed: list[str] = field(default_factory=list)

    async def pause(self) -> None:
        await asyncio.sleep(self.chance.random() / 100)

    async def write(self, told: Sequence[Letter]) -> None:
        run, connection = Run(A), await self.connect()
        for start in range(0, len(told), 4):
            shipment = run.ships(Entry(letters=tuple(told[start : start + 4])))
            while True:
                try:
                    await ship(connection, A, [shipment], claims_in=None)
                    break
                except SharedStoreError:
                    connection = await self.connect()
            await self.pause()

    async def claim(self) -> None:
        connection = await self.connect()
        for _ in range(15):
            found: list[str] = []
            try:
                async with writing(connection):
                    found = [one.id for one in await claim(connection, "alpha", 1)]
                    self.claimed += found
                    await self.pause()
                    self._may_change_its_mind()
            except (_ChangedMindError, SharedStoreError) as error:
                for id_ in found:
                    self.claimed.remove(id_)
                if isinstance(error, SharedStoreError):
                    connection = await self.connect()
            await self.pause()

    def _may_change_its_mind(self) -> None:
        if self.chance.random() < 0.3:
            raise _ChangedMindError

    async def hold(self) -> None:
        asked = "SELECT FROM openbell.outbox WHERE notice = %s FOR UPDATE SKIP LOCKED"
        connection = await self.connect()
        for _ in range(15):
            try:
                async with writing(connection):
                    await connection.execute(asked, (f"n{self.chance.randrange(1, 25)}",))
                    await self.pause()
            except SharedStoreError:
                connection = await self.connect()


@pytest.mark.parametrize("seed", range(12))
async def test_however_claimers_meet_no_letter_is_claimed_twice_and_none_before_an_earlier_one(
    connections, one, seed
) -> None:
    bustle = Bustle(random.Random(seed), connections)
    lines = [("mail", None), ("mail", "alpha"), ("slack", None)]
    told = []
    for seq in range(1, 25):
        notifier, group = bustle.chance.choice(lines)
        told.append(letter(f"n{seq}", seq, incident(), notifier=notifier, group=group))
    await asyncio.gather(bustle.write(told), *(bustle.claim() for _ in range(3)), bustle.hold())
    claimed = [*bustle.claimed, *(one.id for one in (await ship(one, A, (), claims_in=1)).claimed)]
    assert sorted(claimed) == sorted(one.id for one in told)
    known = {one.id: one for one in told}
    for line in {(one.address, one.stream) for one in told}:
        seqs = [known[id_].seq for id_ in claimed if (known[id_].address, known[id_].stream) == line]
        assert seqs == sorted(seqs)
