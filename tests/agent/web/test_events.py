"""Event streams on a real server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from agent.config.rule_table import as_rule, default_table
from agent.health.document import AgentPart, HealthDocument, compose
from agent.health.evaluate import evaluate
from agent.health.fold import fold, unprobed
from agent.health.rules import bind
from agent.health.stages import Memory
from agent.model import Machine, Report
from agent.runtime.publishing import Publisher
from agent.testing import ManualClock
from agent.web.events import PING_S, Streams
from agent.web.routes import add_routes


class Agent:
    """A publisher with a document of one machine, and its streams on a port."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.publisher = Publisher()
        self.streams = Streams(self.publisher, self.clock)
        self.url = ""

    def publish(self, message: str) -> None:
        self.publisher.publish(lambda: self._document(message))

    def _document(self, message: str) -> HealthDocument:
        now, machine = self.clock.now(), Machine(name="market", kind="market", role="market")
        ruleset = bind(list(map(as_rule, default_table())), [machine], session="market")
        report = Report(state="LIVE", reason="SESSION", observed_at=now, message=message)
        status = fold(unprobed(machine, now), report, believed_for=timedelta(days=1))
        found = evaluate(ruleset, {"market": status}, Memory(now), now)
        return compose(ruleset, found, AgentPart(name="a", version="1", started_at=now), revision=0, now=now)


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    agent = Agent()
    app = web.Application()
    add_routes(app, agent.streams.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    agent.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/system/events"
    yield agent
    agent.streams.close()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def event(answer: aiohttp.ClientResponse) -> tuple[str, dict[str, object]]:
    """The next event's name and data."""
    name = ""
    async with asyncio.timeout(20):
        while True:
            line = (await answer.content.readline()).decode().rstrip()
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))


async def test_the_whole_document_comes_first_then_the_time_then_each_revision(agent, session) -> None:
    agent.publish("one")
    async with session.get(agent.url) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        name, document = await event(answer)
        assert (name, document["message"], document["revision"]) == ("document", "one", 1)
        name, stamps = await event(answer)
        assert (name, stamps["now"]) == ("refresh", agent.clock.now().isoformat())
        agent.publish("two")
        name, document = await event(answer)
        assert (name, document["message"], document["revision"]) == ("document", "two", 2)


async def test_the_same_content_is_no_event_and_a_renewal_is_a_short_one(agent, session) -> None:
    agent.publish("one")
    async with session.get(agent.url) as answer:
        await event(answer)
        await event(answer)
        agent.publish("one")
        await agent.clock.advance(1)
        agent.publisher.renew(agent.clock.now())
        name, stamps = await event(answer)
        assert (name, set(stamps)) == ("refresh", {"revision", "generated_at", "valid_until", "now"})


async def test_a_quiet_line_is_kept_open_by_a_comment(agent, session) -> None:
    agent.publish("one")
    async with session.get(agent.url) as answer:
        await event(answer)
        await event(answer)
        await answer.content.readline()
        await agent.clock.advance(PING_S)
        async with asyncio.timeout(20):
            assert await answer.content.readline() == b": alive\n"


async def test_a_reader_that_lags_gets_the_latest_and_not_all(agent, session) -> None:
    agent.publish("first")
    async with session.get(agent.url) as answer:
        await event(answer)
        await event(answer)
        for number in range(50):
            agent.publish(f"message {number}")
        name, document = await event(answer)
        assert (name, document["message"], document["revision"]) == ("document", "message 49", 51)


async def test_a_reader_that_leaves_is_forgotten(agent, session) -> None:
    agent.publish("one")
    async with session.get(agent.url) as answer:
        await event(answer)
        assert len(agent.streams) == 1
    async with asyncio.timeout(20):
        while len(agent.streams):
            agent.publish(f"again {agent.publisher.revision}")
            await asyncio.sleep(0)


async def test_closing_ends_the_streams(agent, session) -> None:
    agent.publish("one")
    async with session.get(agent.url) as answer:
        await event(answer)
        agent.streams.close()
        async with asyncio.timeout(20):
            while not answer.content.at_eof():
                await answer.content.readany()
