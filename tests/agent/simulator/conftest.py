"""A running broker whose clock the test turns, and the few moves every test of it makes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.http_exceptions import BadHttpMessage
from yarl import URL

from agent.simulator import Simulator

TUESDAY_AT_TEN = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
RELIANCE, NIFTY, GOLD = 738561, 256265, 108705031


@dataclass
class Hands:
    """A clock that stands where it is put."""

    at: datetime = TUESDAY_AT_TEN

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Desk:
    """A client's view of one running simulator."""

    simulator: Simulator
    http: aiohttp.ClientSession
    clock: Hands

    async def approve(self) -> str:
        """A request token, as the login's redirect has it."""
        url = f"{self.simulator.url}/connect/login?v=3&api_key=demo&approve=1"
        async with self.http.get(url, allow_redirects=False) as answer:
            return URL(answer.headers["Location"]).query["request_token"]

    async def login(self) -> str:
        request_token = await self.approve()
        checksum = hashlib.sha256(f"demo{request_token}demo-secret".encode()).hexdigest()
        form = {"api_key": "demo", "request_token": request_token, "checksum": checksum}
        async with self.http.post(f"{self.simulator.url}/session/token", data=form) as answer:
            return str((await answer.json())["data"]["access_token"])

    def stream(self, token: str, **options: Any) -> Any:
        url = URL(self.simulator.websocket_url).with_query(api_key="demo", access_token=token)
        return self.http.ws_connect(url, **options)

    async def profile_status(self, token: str) -> int:
        headers = {"Authorization": f"token demo:{token}"}
        async with self.http.get(f"{self.simulator.url}/user/profile", headers=headers) as answer:
            return answer.status

    async def order(self, path: str, body: object) -> Any:
        """A control order that has to be obeyed."""
        async with self.http.post(f"{self.simulator.url}/sim/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def state(self, **query: str) -> Any:
        async with self.http.get(f"{self.simulator.url}/sim/state", params=query) as answer:
            return await answer.json()


OpenDesk = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def open_desk() -> OpenDesk:
    """Opens a desk at a simulator with the settings given; fast unless told otherwise."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Desk]:
        clock = settings.setdefault("now", Hands())
        settings = {"tick_interval": 0.02, "heartbeat_interval": 0.02} | settings
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(Simulator(**settings))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            yield Desk(simulator, http, clock)

    return opened


@pytest.fixture
async def desk(open_desk: OpenDesk) -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def socket(desk: Desk) -> AsyncIterator[Any]:
    async with desk.stream(await desk.login()) as opened:
        yield opened


def packets(frame: bytes) -> list[bytes]:
    found, place = [], 2
    for _ in range(struct.unpack_from(">H", frame)[0]):
        length = struct.unpack_from(">H", frame, place)[0]
        found.append(frame[place + 2 : place + 2 + length])
        place += 2 + length
    assert place == len(frame)
    return found


async def frames(socket: Any) -> AsyncIterator[bytes]:
    """The binary frames that carry packets."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY and len(message.data) > 1:
            yield message.data


async def next_frame(socket: Any) -> list[bytes]:
    async with asyncio.timeout(30):
        async for frame in frames(socket):
            return packets(frame)
    raise AssertionError("the stream ended")


async def next_text(socket: Any) -> Any:
    async with asyncio.timeout(30):
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                return json.loads(message.data)
    raise AssertionError("the stream ended")


def stamp(full: bytes) -> int:
    return int(struct.unpack_from(">I", full, 60 if len(full) == 184 else 28)[0])


@pytest.fixture(autouse=True)
def nothing_fails_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A handler that raises answers 500 and logs; neither server nor loop may have anything to log.

    What is no HTTP at all never reaches a handler, and aiohttp logs it as it likes.
    """
    yield
    for record in caplog.get_records("call") + caplog.get_records("teardown"):
        error = record.exc_info[1] if record.exc_info else None
        if record.name in {"aiohttp.server", "asyncio"} and record.levelname == "ERROR":
            assert isinstance(error, BadHttpMessage), record.getMessage()
