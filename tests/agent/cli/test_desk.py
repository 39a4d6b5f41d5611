"""One process of a desk, and an agent that does not come to its work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.cli.desk import Desk
from agent.cli.run import bind
from agent.cli.surface import Surface
from agent.clock import SystemClock
from agent.config.loading import load
from agent.errors import AgentError
from agent.runtime.sharing.membership import Membership
from tests.postgres import Database

CONFIG = """
name = "a"
environment = "simulated"
[server]
port = 0
[store]
url = "{url}"
[machines.market]
kind = "market"
segment = "NSE_EQ"
"""


class Hanging(Membership):
    """What its agent has to open lies on a disk that does not answer."""

    async def open(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    listeners = []

    def one(**more: float) -> Desk:
        config = tmp_path / "agent.toml"
        config.write_text(CONFIG.format(url=database.url))
        config.chmod(0o600)
        blueprint, clock = load(config, {}), SystemClock()
        listeners.append(bind(blueprint.settings.server, config))
        surface = Surface(
            clock=clock,
            listener=listeners[-1],
            base_url="http://a.example",
            simulator=None,
            redactor=None,
            reloads=None,
            alive=lambda: None,
        )
        member = Hanging(blueprint, clock=clock, base_url="http://a.example")
        return Desk(blueprint, member, surface, lambda: None, **more)

    yield one
    for each in listeners:
        each.close()


async def until_owned(database: Database) -> None:
    with database.admin() as connection:
        while connection.execute("SELECT FROM openbell.lease WHERE run <> ''").fetchone() is None:
            await asyncio.sleep(0.02)


async def test_an_agent_that_does_not_start_leaves_the_desk_to_another(make, database: Database) -> None:
    desk = make(patience_s=0.6)
    async with asyncio.timeout(10):
        with pytest.raises(AgentError, match="has not started within 1 s, and leaves the desk to another"):
            await desk.start()
        with pytest.raises(AgentError):
            await desk.stop()
    with database.admin() as connection:
        assert connection.execute("SELECT run FROM openbell.lease").fetchall() == [("",)]


async def test_an_agent_that_does_not_start_can_be_stopped(make, database: Database) -> None:
    desk = make()
    starting = asyncio.ensure_future(desk.start())
    async with asyncio.timeout(10):
        await until_owned(database)
        await desk.stop()
        await starting
