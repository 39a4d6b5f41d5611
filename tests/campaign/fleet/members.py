"""Agents as real processes that stand in for each other, each with its own way to the database."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from agent.runtime import crash_loop
from tests.campaign.fleet import gauge
from tests.faultproxy import FaultProxy, proxying
from tests.postgres import free_port

ROOT = Path(__file__).parents[3]
DESK = "pair"
START_S = 30.0
UNSHIPPED = "SELECT count(*) FROM shipment"
"""Of a member's own journal: what the database has not heard of."""

TOML = """
name = "{name}"
data = "data"
startup_grace = "1s"
[server]
port = {port}
[store]
url = "{store}"
desk = "{desk}"
[plugins]
enable = ["gauge"]
[network]
watch = false
[flapping]
changes = 100
within = "1s"
[machines.thing]
kind = "gauge"
url = "{thing}"
every = "200ms"
timeout = "1s"
[[rule]]
id = "ill"
code = "THING_ILL"
when = {{ gauge = ["ILL"] }}
severity = "critical"
message = "{{message}}"
[[rule]]
id = "well"
code = "THING_WELL"
when = {{ gauge = ["WELL"] }}
severity = "ok"
[[rule]]
id = "agent-lost"
code = "AGENT_LOST"
when = {{ fleet = ["LOST"] }}
severity = "info"
[notifiers.hook]
kind = "webhook"
allow_private = true
timeout = "3s"
url = "{hook}"
[[route]]
to = ["hook"]
rule = ["ill"]
"""
"""That an agent is lost is of no account here: it would open incidents of its own."""


@dataclass(frozen=True)
class Surroundings:
    """What the members share: the database without any proxy, what they watch, whom they tell."""

    store: str
    thing: str
    hook: str
    desk: str = DESK


@dataclass
class Member:
    """One agent: its folder, its process, and the proxy through which it reaches the database."""

    name: str
    folder: Path
    port: int
    site: Path
    proxy: FaultProxy
    process: asyncio.subprocess.Process | None = None
    is_frozen: bool = False
    is_cut: bool = False
    """From the database."""
    is_up: bool = False
    """It runs, and has answered in this life."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def is_whole(self) -> bool:
        """Nothing is in the way of its work, but for the database itself."""
        return self.is_running and self.is_up and not self.is_frozen and not self.is_cut

    @property
    def journal(self) -> Path:
        return self.folder / "data" / "journal.sqlite"

    @property
    def said(self) -> str:
        """All that its lives have printed."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    async def start(self, *, unended: Sequence[datetime] = ()) -> None:
        """Begin a life, and wait until it answers.

        Nobody counts how often it was killed: it would keep the gauge out for that, as it does after
        three `unended` starts.
        """
        former = self.folder / "data" / crash_loop.FILE
        former.unlink(missing_ok=True)
        if unended:
            former.parent.mkdir(exist_ok=True)
            former.write_text(json.dumps([one.isoformat() for one in unended]))
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agent.cli", "run", "-c", str(self.folder / "agent.toml"),
                stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _paths(self.site)},
            )  # fmt: skip
        await self.answers()
        self.is_up = True

    async def answers(self) -> None:
        """Wait until it says that it lives, whether it owns the desk or not."""
        async with asyncio.timeout(START_S):
            while not await self._lives():
                if not self.is_running:
                    raise AssertionError(f"{self.name} has ended:\n{self.said[-4000:]}")
                await asyncio.sleep(0.05)

    async def _lives(self) -> bool:
        patience = aiohttp.ClientTimeout(total=2)
        try:
            async with aiohttp.ClientSession(timeout=patience) as session, session.get(f"{self.url}/livez"):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def kill(self) -> None:
        """As the system would, short of memory."""
        assert self.process is not None
        self.is_up = self.is_frozen = False
        if self.is_running:
            self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self.is_frozen = False

    async def stop(self) -> int:
        """End the life in order."""
        assert self.process is not None
        self.is_up = False
        self._signal(signal.SIGTERM)
        async with asyncio.timeout(START_S):
            return await self.process.wait()

    async def end(self) -> None:
        """Whatever it does."""
        if self.is_running:
            await self.kill()

    def configure(self, around: Surroundings) -> None:
        """Write its file; `around.store` is its own way to the database."""
        self.folder.mkdir()
        text = TOML.format(name=self.name, port=self.port, **asdict(around))
        (self.folder / "agent.toml").write_text(text)
        (self.folder / "agent.toml").chmod(0o600)

    def count(self, query: str) -> int:
        """What a query counts in its journal."""
        connection = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)
        try:
            ((count,),) = connection.execute(query)
            return int(count)
        finally:
            connection.close()

    async def get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return await answer.json()

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running and self.process is not None:
            self.process.send_signal(number)


@asynccontextmanager
async def members(folder: Path, names: Sequence[str], around: Surroundings) -> AsyncIterator[list[Member]]:
    """Members that are not yet started; whatever still runs at the end is killed."""
    site, parts = install(folder / "site"), urlsplit(around.store)
    assert parts.hostname is not None, "the database is reached by TCP"
    async with AsyncExitStack() as stack:
        made = []
        for name in names:
            proxy = await stack.enter_async_context(proxying(parts.hostname, parts.port or 5432))
            netloc = parts.netloc.replace(f":{parts.port}", f":{urlsplit(proxy.url).port}")
            member = Member(name, folder / name, free_port(), site, proxy)
            member.configure(replace(around, store=parts._replace(netloc=netloc).geturl()))
            stack.push_async_callback(member.end)
            made.append(member)
        yield made


def install(folder: Path) -> Path:
    """Put the gauge into a folder as an installer does; the folder is to be on the search path."""
    info = folder / "openbell_gauge-0.1.dist-info"
    info.mkdir(parents=True)
    shutil.copy(gauge.__file__, folder / "openbell_gauge.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-gauge\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\ngauge = openbell_gauge\n")
    return folder


def _paths(*first: Path) -> str:
    return os.pathsep.join([*map(str, first), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
