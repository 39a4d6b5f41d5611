"""The agent's web side with the agent and its simulated broker behind it, over real sockets."""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from agent.cli.options import shipped_configuration
from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load
from agent.runtime.agent import Agent
from agent.web.server import WebServer

LIVE = datetime.fromisoformat("2026-11-23T10:00:00+05:30")
CONTROL = {"Authorization": "Bearer the-control-token-of-this-test"}


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser was answered."""

    status: int
    text: str
    headers: Any

    @property
    def location(self) -> str:
        return str(self.headers["Location"])


class Browser:
    """One person's browser: its cookies, and no more."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, url: str, *, method: str = "GET", **more: Any) -> Page:
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:
            return Page(answer.status, await answer.text(), answer.headers)


@dataclass(frozen=True, slots=True)
class WebDesk:
    """An agent that serves, its broker, and browsers that know nothing of each other."""

    url: str
    broker: str
    folder: Path
    browser: Browser
    other_browser: Browser

    def cookie(self, name: str) -> str:
        """A cookie of the first browser."""
        return str(self.browser.session.cookie_jar.filter_cookies(URL(self.url))[name].value)

    @property
    def env(self) -> bytes | None:
        path = self.folder / ".env"
        return path.read_bytes() if path.exists() else None

    async def sim(self, what: str, **body: Any) -> None:
        answer = await self.browser.get(f"{self.broker}/sim/{what}", method="POST", json=body)
        assert answer.status == 200, answer.text

    async def exchanges(self) -> int:
        """How often the broker was asked for a session."""
        async with self.browser.session.get(f"{self.broker}/sim/state") as answer:
            return int((await answer.json())["requests"].get("/session/token", 0))

    async def begun(self) -> str:
        """The broker's page to which a click on our button leads."""
        await self.browser.get(self.url + "/", headers=CONTROL)
        begun = await self.browser.get(self.url + "/api/auth/login")
        assert begun.status == 303, begun.text
        return begun.location

    async def came_back(self, what: str = "approve") -> str:
        """The address at which the broker's login ends."""
        return (await self.browser.get(f"{await self.begun()}&{what}=1")).location

    async def link(self) -> str:
        """A fresh one-time link, as a notice carries it."""
        async with self.browser.session.post(f"{self.url}/api/auth/link", headers=CONTROL) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["href"])

    async def auth(self) -> tuple[str, str, object]:
        async with self.browser.session.get(f"{self.url}/api/system/health/auth", headers=CONTROL) as answer:
            part = await answer.json()
        return part["state"], part["reason"], part["attributes"]["generation"]

    async def exchange_elsewhere(self, came_back: str) -> None:
        """Use the request token as another program would."""
        token = parse_qs(urlsplit(came_back).query)["request_token"][0]
        checksum = hashlib.sha256(f"demo{token}demo-secret".encode()).hexdigest()
        form = {"api_key": "demo", "request_token": token, "checksum": checksum}
        answer = await self.browser.get(f"{self.broker}/session/token", method="POST", data=form)
        assert answer.status == 200, answer.text


OpenWebDesk = Callable[..., AbstractAsyncContextManager[WebDesk]]


@pytest.fixture
def open_web_desk(tmp_path: Path) -> OpenWebDesk:
    """Serve the shipped configuration with some values, by their dotted place, set otherwise."""

    @asynccontextmanager
    async def opened(**values: Any) -> AsyncIterator[WebDesk]:
        path = tmp_path / "agent.toml"
        if not path.exists():
            shutil.copyfile(shipped_configuration(), path)
        chosen = {"server__port": 0, "simulator__port": 0, **values}
        chosen.setdefault("server__control_token", CONTROL["Authorization"].removeprefix("Bearer "))
        blueprint = load(
            path, environment={}, overrides={tuple(name.split("__")): value for name, value in chosen.items()}
        )
        async with AsyncExitStack() as stack:
            addresses = await stack.enter_async_context(serving(blueprint, SystemClock(LIVE)))
            url, broker = (one.rpartition(" ")[2] for one in addresses)
            sessions = [
                await stack.enter_async_context(
                    aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
                )
                for _ in range(2)
            ]
            yield WebDesk(url, broker, tmp_path, *map(Browser, sessions))

    return opened


@contextmanager
def built(folder: Path) -> Iterator[web.Application]:
    """The application of the real server, not started."""
    config = folder / "agent.toml"
    shutil.copyfile(shipped_configuration(), config)
    listener = socket.create_server(("127.0.0.1", 0))
    agent = Agent(load(config, {}), clock=SystemClock(), base_url="http://127.0.0.1:8000")
    yield WebServer(agent, listener=listener, base_url="http://127.0.0.1:8000").app
    listener.close()
