"""Whoever is to hear of the fleet hears of it at once, and then when there is news."""

from __future__ import annotations

import asyncio

from agent.fleet.rows import AgentRow
from agent.model import Report
from agent.runtime.sharing.outlook import TELL_EVERY_S, Outlook
from agent.store.postgres.connecting import Address
from agent.store.postgres.identity import Member
from agent.testing import ManualClock

NOBODY = Address("postgresql://openbell@127.0.0.1:9/openbell")


def unasked() -> AgentRow:
    raise AssertionError("who tells of the fleet needs no row of its own")


async def test_an_agent_that_begins_hears_of_the_fleet_at_once() -> None:
    clock, told = ManualClock(), []
    member = Member(desk="goa", agent="goa", instance="folder", run="run")
    outlook = Outlook(NOBODY, member, clock=clock, own=unasked)
    heard = asyncio.Event()

    def deliver(name: str, report: Report) -> None:
        told.append((name, report.state))
        heard.set()

    telling = asyncio.create_task(outlook.tell())
    try:
        outlook.deliver = deliver
        async with asyncio.timeout(10):
            await heard.wait()
        assert told == [("fleet", "WHOLE")]
        await clock.advance(TELL_EVERY_S)
        assert told == [("fleet", "WHOLE")], "and not again while nothing is new"
    finally:
        telling.cancel()
