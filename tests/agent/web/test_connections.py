"""How many connections there may be, and how long one may say nothing that can be answered."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from agent.web import connections
from agent.web.connections import FOR_OURSELVES, Door, listen, most_connections

DEADLINE_S = 20.0
SOON_S = 0.2


@asynccontextmanager
async def opened(**more: Any) -> AsyncIterator[tuple[Door, int]]:
    """A server of one page, at a port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="well")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    door = Door(runner.server, **more)
    listener = socket.create_server(("127.0.0.1", 0))
    server = await listen(listener, door)
    yield door, listener.getsockname()[1]
    server.close()
    await runner.cleanup()


async def read(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other end hangs up."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", id="half a head"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET / HT", id="a second half, after an answer"),
    ],
)
async def test_a_connection_that_brings_no_whole_head_in_time_is_ended(lines: bytes) -> None:
    async with opened(request_timeout_s=SOON_S) as (door, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(lines)
        said = await read(reader)
        assert said.count(b"200 OK") == lines.count(b"\r\n\r\n")
        assert door.open == 0
        writer.close()


async def test_dripping_a_byte_at_a_time_puts_nothing_off() -> None:
    async with opened(request_timeout_s=SOON_S) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        ended = asyncio.ensure_future(read(reader))
        async with asyncio.timeout(DEADLINE_S):
            while not ended.done():
                writer.write(b"a")
                await asyncio.wait([ended], timeout=SOON_S / 10)
        assert ended.result() == b""
        writer.close()


async def test_so_many_are_taken_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(most=3) as (door, port), AsyncExitStack() as stack:

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            async with asyncio.timeout(DEADLINE_S):
                try:
                    return await reader.readline()
                except ConnectionResetError:
                    return b""

        assert [bool(await ask()) for _ in range(5)] == [True, True, True, False, False]
        assert door.open == 3
    assert caplog.text.count("connections are refused: 3 are open") == 1


async def test_peers_elsewhere_leave_some_to_this_machine() -> None:
    async with opened(most=FOR_OURSELVES + 2) as (door, _):
        assert door.admits("10.0.0.1")
        door.open = 2
        assert not door.admits("10.0.0.1")
        assert not door.admits("2001:db8::1")
        assert door.admits("127.0.0.1")
        assert door.admits("::1")
        door.open = FOR_OURSELVES + 2
        assert not door.admits("127.0.0.1")


def test_a_door_leaves_files_for_everything_else() -> None:
    assert FOR_OURSELVES <= most_connections() <= connections.MOST


async def test_what_is_no_request_is_a_problem_and_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n")
        head, _, body = (await read(reader)).partition(b"\r\n\r\n")
        assert head.split()[1] == b"400"
        assert json.loads(body)["status"] == 400
        writer.close()
    assert caplog.text == ""
