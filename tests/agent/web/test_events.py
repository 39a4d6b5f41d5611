"""Event streams on a real server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

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


LONG = "x" * 300_000
"""More than a connection holds whose reader takes nothing."""


class SlowReader:
    """A reader that takes nothing until it is told to, on a connection that holds little."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._address = ("127.0.0.1", urlsplit(url).port)

    async def ask(self, version: str = "1.1") -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, self._address)
        request = f"GET /api/system/events HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n"
        await loop.sock_sendall(self._socket, request.encode())

    async def read_until(self, word: bytes) -> bytes:
        """All that comes up to a word, or to the end."""
        read = b""
        async with asyncio.timeout(20):
            while word not in read:
                part = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
                if not part:
                    return read
                read += part
        return read

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def slow(agent) -> AsyncIterator[SlowReader]:
    reader = SlowReader(agent.url)
    yield reader
    reader.close()


async def until(holds) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0)


async def hears(answer: aiohttp.ClientResponse, message: str) -> None:
    """Wait for the document that has the message."""
    while (await event(answer))[1].get("message") != message:
        pass


async def fill(agent, slow: SlowReader) -> None:
    """Publish until the reader's connection is full: it is behind, and has events coming."""
    agent.publish("one")
    await slow.ask()
    await until(lambda: len(agent.streams) == 1)
    for number in range(60):
        agent.publish(f"{number} {LONG}")
        await asyncio.sleep(0)
    agent.publish("in short")


async def test_a_reader_that_takes_nothing_is_dropped_and_the_others_do_not_feel_it(
    agent, session, slow
) -> None:
    await fill(agent, slow)
    async with session.get(agent.url) as answer:
        await until(lambda: len(agent.streams) == 2)
        agent.publish("for whoever listens")
        await hears(answer, "for whoever listens")
        for _ in range(24):
            await agent.clock.advance(0.5)
        await until(lambda: len(agent.streams) == 1)
        agent.publish("the last word")
        await hears(answer, "the last word")
    assert b"the last word" not in await slow.read_until(b"the last word")


async def test_a_reader_that_catches_up_gets_the_latest_and_stays(agent, slow) -> None:
    await fill(agent, slow)
    agent.publish("the latest")
    reading = asyncio.ensure_future(slow.read_until(b'"the latest"'))
    while not reading.done():
        await agent.clock.advance(0.05)
        await asyncio.sleep(0)
    read = await reading
    assert read.count(b"event: document") < 60
    agent.publish("and on")
    assert b'"and on"' in await slow.read_until(b'"and on"')


async def test_a_reader_of_the_old_protocol_gets_events_without_chunks(agent, slow) -> None:
    agent.publish("one")
    await slow.ask("1.0")
    read = await slow.read_until(b"event: refresh")
    head, _, body = read.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body.startswith(b"event: document\nid: 1\ndata: {")
