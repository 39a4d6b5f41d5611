"""How long a year of journal takes to be counted, and how much of it the event loop feels."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from agent.cli.options import shipped_configuration
from agent.clock import SystemClock
from agent.config.loading import load
from agent.health.availability import Period
from agent.runtime.agent import Agent
from agent.runtime.review import Reviewing, Wish

PAST = Path(__file__).parents[1] / "docs" / "images" / "past.py"
OPENS = datetime.fromisoformat("2026-11-23T09:15:00+05:30")
YEAR = 365
EDGES_A_DAY = 300


async def pause_during(work: Awaitable[object]) -> float:
    """How late the loop turned at worst, in ms."""
    stop = asyncio.Event()
    watching = asyncio.create_task(_longest_pause(stop))
    await work
    stop.set()
    return await watching


async def _longest_pause(stop: asyncio.Event) -> float:
    worst = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - began - 0.001)
    return worst * 1000


def make_busy(path: Path) -> int:
    """Add the changes of a feed that comes and goes all day."""
    connection = sqlite3.connect(path)
    add = (
        "INSERT INTO transition (at, subject, name, before, after, reason, message)"
        " VALUES (?, 'machine', 'feed', ?, ?, '', '')"
    )
    for day in range(YEAR):
        opens = OPENS.astimezone(UTC) - timedelta(days=day)
        for number in range(EDGES_A_DAY):
            at = opens + timedelta(minutes=number)
            states = ("CONNECTED", "STALE") if number % 2 else ("STALE", "CONNECTED")
            connection.execute(add, (at.isoformat(), *states))
    connection.commit()
    return int(connection.execute("SELECT count(*) FROM transition").fetchone()[0])


async def review(folder: Path) -> None:
    config = folder / "agent.toml"
    shutil.copyfile(shipped_configuration(), config)
    agent = Agent(load(config, {}), clock=SystemClock(OPENS + timedelta(hours=1)), base_url="http://x")
    await agent.start()
    await asyncio.sleep(2)
    quiet = await pause_during(asyncio.sleep(1))
    reviewing = Reviewing(agent.blueprint.ruleset, agent.machines, agent.journal)
    wish = Wish(
        machine="feed",
        first=date(2025, 11, 24),
        last=date(2026, 11, 23),
        by=Period.MONTH,
        response=timedelta(minutes=15),
    )
    began = time.perf_counter()
    pause = await pause_during(reviewing.review(wish, agent.clock.now()))
    took = time.perf_counter() - began
    await agent.stop()
    print(
        f"counted in {took * 1000:.0f} ms, meanwhile the loop was late by {pause:.1f} ms at worst,"
        f" by {quiet:.1f} ms without"
    )


def main() -> None:
    spec = importlib.util.spec_from_file_location("past", PAST)
    assert spec is not None
    assert spec.loader is not None
    past = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(past)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        past.write_past(folder / "data", OPENS, YEAR)
        print("a usual year: ", end="")
        asyncio.run(review(folder))
        count = make_busy(folder / "data" / "journal.sqlite")
        print(f"a year of a feed that comes and goes ({count} transitions): ", end="")
        asyncio.run(review(folder))


if __name__ == "__main__":
    main()
