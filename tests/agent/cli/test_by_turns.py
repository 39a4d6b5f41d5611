"""A process that owns its desk again and again, as after each time that its machine stood still."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import aiohttp

from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load
from agent.runtime.agent import Agent
from tests.pairs import written
from tests.postgres import Database

LIMIT_S = 60.0
LOSE = """
UPDATE openbell.lease SET agent = 'x', instance = 'x', run = 'x', epoch = epoch + 1, held_from = epoch + 1,
    ends_at = clock_timestamp() WHERE resource = 'desk/main'
"""


async def owned_since(url: str, former: str | None) -> str:
    """When the agent began that answers for the desk, once it is another one."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(LIMIT_S):
        while True:
            try:
                async with http.get(f"{url}/api/system/health") as answer:
                    if answer.status == 200:
                        began = str((await answer.json())["agent"]["started_at"])
                        if began != former:
                            return began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def test_what_ran_before_is_let_go_of(database: Database, tmp_path: Path) -> None:
    config, url = written(tmp_path, "one", database.url)

    def agents() -> int:
        gc.collect()
        return sum(type(one) is Agent and one.blueprint.path == config for one in gc.get_objects())

    def threads() -> int:
        return sum(one.name == "credentials-1" for one in threading.enumerate())

    others = threads()
    async with serving(load(config, {}), SystemClock()):
        began = await owned_since(url, None)
        for _ in range(3):
            with database.admin() as connection:
                connection.execute(LOSE)
            began = await owned_since(url, began)
        async with asyncio.timeout(LIMIT_S):
            while agents() > 1 or threads() > others + 1:
                await asyncio.sleep(0.1)
