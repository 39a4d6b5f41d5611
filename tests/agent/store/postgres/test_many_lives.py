"""Agents of one desk that own it by turns, are late, start anew and are cut off, at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from agent.store.entry import Entry
from agent.store.postgres.connecting import Connection, SharedStoreError
from agent.store.postgres.leases import Lease, take
from agent.store.postgres.shipping import Landed, Shipment, ship
from tests.agent.store.postgres.shipments import DESK, LONG, Run, edge, incident, letter, member

ROUNDS = 25


@dataclass
class Life:
    """One agent: what it has decided and not shipped, and what it was given to send."""

    name: str
    connect: object
    chance: random.Random
    pending: list[Shipment] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    claims: list[tuple[int, str]] = field(default_factory=list)
    landed: list[int] = field(default_factory=list)
    """The epochs in which a value of its own was taken."""
    runs: int = 0
    epoch: int = 0

    def begin(self) -> None:
        self.runs += 1
        self.who = member(self.name, run=str(self.runs))
        self.run = Run(self.who)

    def decide(self) -> None:
        """Under the ownership that it knows of, which may be over."""
        name = f"{self.name}-{len(self.decided)}"
        of = incident(name, closed=self.chance.random() < 0.5)
        entry = Entry(
            (edge(name),), (("k", name),), (of,), letters=(letter(name, len(self.decided) + 1, of),)
        )
        self.decided.append(name)
        self.pending.append(self.run.ships(entry, self.epoch))

    async def live(self) -> None:
        self.begin()
        connection: Connection = await self.connect()
        for _ in range(ROUNDS):
            for _ in range(self.chance.randrange(3)):
                self.decide()
            with suppress(SharedStoreError):
                connection = await self.turn(connection)
            await asyncio.sleep(self.chance.random() / 200)
        while self.pending:
            connection = await self.connect()
            with suppress(SharedStoreError):
                await self.deliver(connection, None)

    async def own_at_last(self) -> None:
        """Own the desk undisturbed and ship one thing more: so there is something, whatever went before."""
        while True:
            with suppress(SharedStoreError):
                connection = await self.connect()
                lease = await take(connection, DESK, self.who, LONG)
                if lease.is_of(self.who):
                    break
        self.epoch = lease.epoch
        self.decide()
        while self.pending:
            with suppress(SharedStoreError):
                await self.deliver(await self.connect(), self.epoch)

    async def turn(self, connection: Connection) -> Connection:
        what = self.chance.random()
        if what < 0.1:
            self.begin()
        if connection.closed:
            return await self.connect()
        lasts = timedelta(milliseconds=self.chance.choice([0, 1, 5, 20]))
        lease: Lease = await take(connection, DESK, self.who, lasts)
        is_mine = lease.is_of(self.who)
        if is_mine:
            self.epoch = lease.epoch
        if what > 0.9:  # cut off in the middle of it
            asyncio.get_running_loop().call_later(self.chance.random() / 200, connection.hang_up)
        await self.deliver(connection, self.epoch if is_mine else None)
        return connection

    async def deliver(self, connection: Connection, claims_in: int | None) -> None:
        batch = self.pending[: self.chance.randrange(1, 6)]
        landed: Landed = await ship(connection, self.who, batch, claims_in=claims_in)
        del self.pending[: len(batch)]
        if batch and not landed.refused:
            self.landed.append(batch[-1].epoch)
        self.claims += [(self.epoch, one.id) for one in landed.claimed]


@pytest.mark.parametrize("seed", range(6))
async def test_what_happened_is_kept_once_and_the_owners_word_counts(connections, database, seed) -> None:
    lives = [Life(name, connections, random.Random(f"{seed} {name}")) for name in "abc"]
    async with asyncio.timeout(60):
        await asyncio.gather(*(one.live() for one in lives))
        await lives[0].own_at_last()
    with database.admin() as connection:
        kept = Counter(after for (after,) in connection.execute("SELECT after FROM openbell.transition"))
        [(epoch,)] = connection.execute("SELECT epoch FROM openbell.value").fetchall()
        wrong = connection.execute(
            "SELECT * FROM openbell.outbox o JOIN openbell.incident i ON o.stream = i.id"
            " WHERE o.claim_epoch IS NOT NULL AND o.claim_epoch < o.epoch"
        ).fetchall()
    assert kept == Counter(name for one in lives for name in one.decided)
    assert epoch >= max(epoch for one in lives for epoch in one.landed)
    assert epoch == lives[0].epoch
    assert wrong == []
    claims = Counter(claim for one in lives for claim in one.claims)
    assert max(claims.values()) == 1
