"""The dead-man switch, held and let go, against a real receiver."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from agent.runtime.deadman import PATIENCE, DeadMan
from agent.testing import ManualClock


class Check:
    """What listens elsewhere."""

    def __init__(self) -> None:
        self.status, self.pings, self.url = 200, 0, ""

    async def ping(self, request: web.Request) -> web.Response:
        self.pings += 1
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def check() -> AsyncIterator[Check]:
    check = Check()
    application = web.Application()
    application.router.add_get("/ping/the-secret-uuid", check.ping)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    check.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping/the-secret-uuid"
    yield check
    await runner.cleanup()


@pytest.fixture
async def switch(check: Check):
    """A switch whose `trouble` a test may set; `edges` counts how often it began or ceased to fail."""
    async with aiohttp.ClientSession() as session:

        class Held(DeadMan):
            edges = 0
            why: str | None = None

        def changed() -> None:
            held.edges += 1

        held = Held(
            check.url,
            timedelta(minutes=1),
            clock=ManualClock(),
            session=lambda: session,
            trouble=lambda: held.why,
            changed=changed,
        )
        yield held


async def test_it_is_held_while_all_is_well_and_falls_with_the_first_trouble(check, switch, caplog) -> None:
    caplog.set_level(logging.INFO)
    await switch.turn()
    switch.why = "the journal cannot be written"
    await switch.turn()
    await switch.turn()
    assert check.pings == 1
    switch.why = None
    await switch.turn()
    assert check.pings == 2
    assert [one.getMessage() for one in caplog.records if one.name.endswith("deadman")] == [
        "the dead-man switch is not held: the journal cannot be written",
        "the dead-man switch is held again",
    ]


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_a_ping_that_is_not_taken_is_a_trouble_once_it_lasts(check, switch, status, caplog) -> None:
    check.status = status
    for _ in range(PATIENCE - 1):
        await switch.turn()
    assert (switch.error, switch.edges) == (None, 0)
    await switch.turn()
    await switch.turn()
    assert (switch.error, switch.edges) == (f"it answered {status}", 1)
    check.status = 200
    await switch.turn()
    assert (switch.error, switch.edges) == (None, 2)
    assert "the-secret-uuid" not in caplog.text


async def test_an_address_where_nobody_listens_is_told_without_its_secret(switch) -> None:
    switch._url = "http://127.0.0.1:1/ping/the-secret-uuid"
    for _ in range(PATIENCE):
        await switch.turn()
    assert switch.error == "ClientConnectorError"
