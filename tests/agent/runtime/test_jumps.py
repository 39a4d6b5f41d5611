"""The whole agent on a machine that is suspended, and whose clock is set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from agent.clock import SystemClock
from agent.config.loading import load
from agent.runtime.agent import Agent

PACE = 20
LIMIT_S = 30.0


class Restless(SystemClock):
    """A clock in a hurry, whose machine is suspended and set when a test says so."""

    dozed_s = 0.0
    ahead = timedelta(0)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / PACE)

    def asleep_s(self) -> float:
        return super().asleep_s() + self.dozed_s

    def wall(self) -> datetime:
        return super().wall() + self.ahead

    def is_suspended(self, minutes: float) -> None:
        self.dozed_s += minutes * 60
        self.ahead += timedelta(minutes=minutes)


class Other:
    """Another agent, which counts how often it is asked."""

    def __init__(self) -> None:
        self._asked = asyncio.Condition()
        self.count = 0

    async def answer(self, request: web.Request) -> web.Response:
        async with self._asked:
            self.count += 1
            self._asked.notify_all()
        now = datetime.now(UTC)
        until = now + timedelta(seconds=30)
        body = {"schema": "openbell.health/1", "code": "LIVE", "generated_at": now, "valid_until": until}
        return web.json_response(
            {key: value if isinstance(value, str) else value.isoformat() for key, value in body.items()}
        )

    async def was_asked(self, times: int) -> None:
        async with asyncio.timeout(LIMIT_S), self._asked:
            await self._asked.wait_for(lambda: self.count >= times)


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[tuple[Agent, Restless, Other]]:
    """An agent whose one machine is probed once a day, unless something happens."""
    clock = Restless()
    other = Other()
    application = web.Application()
    application.router.add_get("/api/system/health", other.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = folder / "agent.toml"
    config.write_text(
        f'[network]\nwatch = false\n[machines.other]\nkind = "openbell"\nurl = "{url}"\nevery = "1d"\n'
    )
    agent = Agent(load(config, {}), clock=clock, base_url="http://127.0.0.1:8000")
    await agent.start()
    try:
        await other.was_asked(1)
        yield agent, clock, other
    finally:
        await agent.stop()
        await runner.cleanup()


async def jump_in(agent: Agent) -> Any:
    """The edges of the clock that the journal has, once it has one."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            found = [row for row in await agent.journal.history() if row["subject"] == "clock"]
            if found:
                return found
            await asyncio.sleep(0.01)


async def test_after_a_suspend_every_machine_is_asked_anew_and_it_is_told_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as (agent, clock, other):
        before = agent.core.evaluation.statuses["other"].since
        clock.is_suspended(minutes=10)
        [edge] = await jump_in(agent)
        assert (edge["after"], edge["message"]) == ("SUSPENDED", "the machine was suspended for 10m")
        await other.was_asked(2)
        aged = agent.core.evaluation.statuses["other"].since - before
        assert abs(aged - timedelta(minutes=10)) < timedelta(seconds=30)
        assert agent.wellbeing.report(clock.now()).measures["suspends"] == 1


async def test_a_clock_that_is_set_is_told_with_its_step_and_nobody_is_asked(tmp_path: Path) -> None:
    async with watching(tmp_path) as (agent, clock, other):
        clock.ahead = timedelta(hours=-1)
        [edge] = await jump_in(agent)
        assert (edge["after"], edge["message"]) == ("SET", "the wall clock was set back by 1h")
        assert other.count == 1
        measures = agent.wellbeing.report(clock.now()).measures
        assert (measures["clock_steps"], round(measures["clock_step_s"], -1)) == (1, -3600)
