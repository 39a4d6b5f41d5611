"""A desk as a real process: the program itself, reached over its sockets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from .browsing import ARGUMENTS, CHROMIUM, PHONE, OpenPage, is_complaint

DEADLINE_S = 30.0
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("openbell-*"))
PRE_OPEN = "2026-11-23T09:14:55+05:30"
LIVE = "2026-11-23T10:00:00+05:30"


class Program:
    """One run of `openbell` with some arguments; what it says is kept."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.output: list[str] = []
        self._readers = [
            asyncio.ensure_future(self._read(stream)) for stream in (process.stdout, process.stderr)
        ]
        self._said = asyncio.Event()

    async def _read(self, stream: Any) -> None:
        while line := await stream.readline():
            self.output.append(line.decode())
            self._said.set()

    async def says(self, pattern: str) -> re.Match[str]:
        """Wait until the program has printed something that matches."""
        async with asyncio.timeout(DEADLINE_S):
            while not (found := re.search(pattern, "".join(self.output))):
                if self.process.returncode is not None:
                    await asyncio.gather(*self._readers)
                    if not re.search(pattern, "".join(self.output)):
                        raise AssertionError(f"ended with {self.process.returncode}: {self.output}")
                    continue
                self._said.clear()
                await self._said.wait()
        return found

    async def is_told(self, line: str) -> None:
        """Type a line."""
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.ended()


class Desk:
    """An agent and its simulated broker, and a person's browser without the screen."""

    def __init__(
        self, program: Program, session: aiohttp.ClientSession, url: str, broker: str, folder: Path
    ) -> None:
        self.program = program
        self.folder = folder
        self.session = session
        self.url = url
        self.broker = broker

    async def get(self, path: str = "/api/system/health", **more: Any) -> Any:
        async with self.session.get(self.url + path, **more) as answer:
            return await answer.json()

    async def post(self, path: str, **more: Any) -> tuple[int, Any]:
        """As the page does it, with its origin."""
        headers = {"Origin": self.url, **more.pop("headers", {})}
        async with self.session.post(self.url + path, headers=headers, **more) as answer:
            return answer.status, await answer.json()

    async def sim(self, what: str, **body: Any) -> Any:
        async with self.session.post(f"{self.broker}/sim/{what}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def sim_state(self) -> Any:
        async with self.session.get(f"{self.broker}/sim/state") as answer:
            return await answer.json()

    async def until(self, holds: Callable[[Any], bool], deadline_s: float = DEADLINE_S) -> Any:
        """Follow the event stream until a document holds; returns it."""
        last: Any = None
        try:
            async with asyncio.timeout(deadline_s):
                async for document in self.documents():
                    last = document
                    if holds(document):
                        return document
        except TimeoutError:
            raise AssertionError(f"not reached; the last document was {json.dumps(last)}") from None
        raise AssertionError("the stream ended")

    async def documents(self) -> AsyncIterator[Any]:
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.url}/api/system/events", timeout=timeout) as answer:
            event = b""
            async for line in answer.content:
                if line.startswith(b"event: "):
                    event = line[7:].strip()
                elif line.startswith(b"data: ") and event == b"document":
                    yield json.loads(line[6:])

    async def eventually(self, holds: Callable[[], bool]) -> None:
        """Wait for what is seen outside the document, such as a file, at the pace of requests."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                async with self.session.get(f"{self.url}/livez"):
                    pass

    async def live(self) -> Any:
        """Wait until the desk is live and ready."""
        return await self.until(lambda document: document["code"] == "LIVE" and document["ready"])

    async def code(self, code: str) -> Any:
        return await self.until(lambda document: document["code"] == code)

    async def open_incident(self, code: str) -> Any:
        """The open incident of this code, once it is on disk, where lists are read from."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                listed = (await self.get("/api/system/incidents"))["incidents"]
                if listed and (listed[0]["code"], listed[0]["closed_at"]) == (code, None):
                    return listed[0]

    async def open_page(self) -> str:
        async with self.session.get(self.url + "/") as answer:
            assert answer.status == 200
            return await answer.text()

    async def login(self) -> aiohttp.ClientResponse:
        """What one click on the page's login button and one on the broker's do."""
        await self.open_page()
        async with self.session.get(f"{self.url}/api/auth/login", allow_redirects=False) as begun:
            assert begun.status == 303, await begun.text()
            broker_page = begun.headers["Location"]
        async with self.session.get(f"{broker_page}&approve=1", allow_redirects=False) as approved:
            back = approved.headers["Location"]
        async with self.session.get(back, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            return answer

    async def token_of_another_process(self) -> str:
        """Log in at the broker as the trading process might, and return its access token."""
        page = f"{self.broker}/connect/login?v=3&api_key=demo&approve=1"
        async with self.session.get(page, allow_redirects=False) as answer:
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
        request_token = query["request_token"][0]
        checksum = hashlib.sha256(f"demo{request_token}demo-secret".encode()).hexdigest()
        form = {"api_key": "demo", "request_token": request_token, "checksum": checksum}
        async with self.session.post(f"{self.broker}/session/token", data=form) as answer:
            return (await answer.json())["data"]["access_token"]

    def control(self) -> dict[str, str]:
        """What the commands of the agent's own user send along."""
        token = (self.folder / "data" / "control-token").read_text()
        return {"Authorization": f"Bearer {token}"}

    async def history(self) -> list[Any]:
        return (await self.get("/api/system/history?limit=1000"))["transitions"]

    async def recorded(self, name: str, after: str) -> Any:
        """The latest edge of a name to a state; the journal has it a moment after the document."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for row in await self.history():
                    if (row["name"], row["after"]) == (name, after):
                        return row


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start the program with arguments; whatever still runs at the end is stopped."""
    programs: list[Program] = []

    async def begin(*arguments: str, environment: dict[str, str] | None = None) -> Program:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.cli",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **_beside(environment or {})},
        )
        programs.append(Program(process, tmp_path))
        return programs[-1]

    yield begin
    for program in programs:
        if program.process.returncode is None:
            program.kill()
        await program.ended()


def _beside(environment: dict[str, str]) -> dict[str, str]:
    """The environment, whose packages come beside those of the tests' own search path."""
    paths = [environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
    return {**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@pytest.fixture
async def reach_desk() -> AsyncIterator[Callable[..., Any]]:
    """Wait for the addresses that a program says; gives the desk that answers there."""
    async with AsyncExitStack() as stack:

        async def reach(program: Program, folder: Path) -> Desk:
            found = await program.says(r"page and API at (\S+?),? .*?simulated broker at (\S+)")
            jar = aiohttp.CookieJar(unsafe=True)
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            return Desk(program, session, found[1].rstrip(","), found[2], folder)

        yield reach


@pytest.fixture
def open_desk(
    start: Callable[..., Any], reach_desk: Callable[..., Any], tmp_path: Path
) -> Callable[..., Any]:
    """Start a demo at an instant and wait until it is ready."""

    async def begin(at: str = LIVE, *, data: Path | None = None, **more: Any) -> Desk:
        folder = data or tmp_path / "desk"
        program = await start(
            "demo", "--port", "0", "--broker-port", "0", "--at", at, "--data-dir", str(folder), **more
        )
        return await reach_desk(program, folder)

    return begin


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """Where a webhook arrives: its address, and the notices that have come."""
    arrived: asyncio.Queue[Any] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        arrived.put_nowait(await request.json())
        return web.Response()

    app = web.Application()

    async def ping(request: web.Request) -> web.Response:
        arrived.put_nowait("alive")
        return web.Response()

    app.router.add_post("/", take)
    app.router.add_get("/alive", ping)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", arrived
    await runner.cleanup()


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples installed into it, each from its own project."""
    builder, folder = tmp_path_factory.mktemp("builder"), tmp_path_factory.mktemp("site")
    install(builder, "hatchling")  # once: an environment to build in for each would take four times as long
    install(folder, "--no-deps", "--no-build-isolation", *map(str, EXAMPLES), beside=builder)
    return folder


def install(folder: Path, *what: str, beside: Path | None = None) -> None:
    """Have pip install into a folder, with what lies in another one at hand."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = {**os.environ, **_beside({"PYTHONPATH": str(beside)} if beside else {})}
    subprocess.run([*pip, "--target", str(folder), *what], check=True, timeout=120, env=environment)


@pytest.fixture
def elapsed() -> Callable[[], float]:
    began = time.monotonic()
    return lambda: time.monotonic() - began


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Chromium for all tests, each of which opens a context of its own; gives its address."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: install Debian's chromium")
    folder = tmp_path_factory.mktemp("chromium")
    command = [CHROMIUM, "--headless", "--remote-debugging-port=0", f"--user-data-dir={folder}", *ARGUMENTS]
    port = folder / "DevToolsActivePort"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not (port.exists() and port.read_text()):
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
        process.terminate()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open the page of a desk; what the browser complains of fails the test at its end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def begin(desk: Any, **settings: Any) -> Page:
        context = await browser.new_context(
            **{"viewport": PHONE, "timezone_id": "Asia/Kolkata", "locale": "en-GB", **settings}
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        await page.goto(desk.url + "/")
        return page

    yield begin
    for context in contexts:
        await context.close()
    assert complaints == []
