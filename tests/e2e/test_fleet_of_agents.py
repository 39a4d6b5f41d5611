"""Three real agents of two desks and one PostgreSQL: each shows all, and one tells when one is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.campaign.fleet.members import TOML, Member, Surroundings, members
from tests.campaign.fleet.receiver import receiving
from tests.campaign.fleet.thing import under_watch
from tests.postgres import Database

DEADLINE_S = 30.0
OWN_RULE = TOML[TOML.index('[[rule]]\nid = "agent-lost"') : TOML.index("[notifiers.hook]")].format()
"""It stands in the way of the rule that comes with a shared store."""


@pytest.fixture
async def agents(empty_database: Database, tmp_path: Path) -> AsyncIterator[dict[str, Member]]:
    """`a` and `b` of one desk, and `c` of another; all run, and all is well."""
    async with (
        under_watch(tmp_path / "phases") as thing,
        receiving(tmp_path / "received", random.Random(0)) as receiver,
        members(
            tmp_path, ("a", "b", "c"), Surroundings(empty_database.url, thing.url, receiver.url)
        ) as found,
    ):
        receiver.calm = True
        for one in found:
            path = one.folder / "agent.toml"
            text = path.read_text()
            assert OWN_RULE in text
            text = text.replace(OWN_RULE, "")
            path.write_text(text.replace('desk = "pair"', 'desk = "other"') if one.name == "c" else text)
        for one in found:
            await one.start()
        yield {one.name: one for one in found}


async def until(member: Member, path: str, holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer holds."""
    told: Any = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                told = await member.get(path)
                if holds(told):
                    return told
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"not reached; the last answer was {told}") from None


def desk(document: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in document["desks"] if one["desk"] == name), {})
    return found


def states(document: Any) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["state"], one["code"]) for one in document["agents"]}


def command(member: Member, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", "fleet", *arguments, "-c", str(member.folder / "agent.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


async def test_every_agent_shows_all_and_one_that_is_killed_is_lost_until_it_is_forgotten(
    agents: dict[str, Member],
) -> None:
    a, b, c = (agents[name] for name in "abc")
    well = {"a": ("here", "THING_WELL"), "b": ("here", "STANDBY"), "c": ("here", "THING_WELL")}
    for one in (a, b, c):
        document = await until(one, "/api/fleet/health", lambda told: states(told) == well)
        assert document["told_by"] == one.name
        pair = desk(document, "pair")
        assert (pair["owner"], pair["standbys"]) == ("a", [{"agent": "b", "state": "here"}])
        assert not pair["configurations_differ"]
        assert (document["status"], document["severity"]) == ("pass", "ok")
    for path in (
        "/fleet",
        "/fleet.css",
        "/fleet.js",
        "/fleet/cards.js",
        "/page.css",
        "/page/parts.js",
        "/icon.svg",
    ):
        async with aiohttp.ClientSession() as session, session.get(b.url + path) as answer:
            assert answer.status == 200, path  # also of one that stands by
    account = await asyncio.to_thread(command, b)
    assert (account.returncode, account.stderr) == (0, "")
    assert "all 2 desks well" in account.stdout

    watcher = next(one["agent"] for one in document["leases"] if one["resource"] == "fleet/watch")
    other = {"a": c, "c": a}[watcher]
    await other.kill()
    lost = await until(
        agents[watcher],
        "/api/fleet/health",
        lambda told: states(told)[other.name] == ("silent", "AGENT_LOST"),
    )
    assert lost["severity"] in ("unknown", "warning")
    told = await until(agents[watcher], "/api/system/health", lambda told: told["code"] == "AGENT_LOST")
    assert told["severity"] == "critical"
    assert f"{other.name} at " in told["message"]

    forgotten = await asyncio.to_thread(command, agents[watcher], "forget", other.name)
    assert (forgotten.returncode, forgotten.stdout) == (0, f"{other.name} is forgotten\n")
    await until(agents[watcher], "/api/system/health", lambda told: told["code"] == "THING_WELL")
    document = await agents[watcher].get("/api/fleet/health")
    assert other.name not in states(document)


async def test_who_is_stopped_is_not_lost_and_the_desk_is_the_others(agents: dict[str, Member]) -> None:
    a, c = agents["a"], agents["c"]
    await until(
        c,
        "/api/fleet/health",
        lambda told: desk(told, "pair").get("owner") == "a" and len(told["agents"]) == 3,
    )
    assert await a.stop() == 0
    document = await until(c, "/api/fleet/health", lambda told: desk(told, "pair").get("owner") == "b")
    document = await until(c, "/api/fleet/health", lambda told: states(told)["b"] == ("here", "THING_WELL"))
    assert states(document)["a"] == ("ended", "ENDED")
    assert (document["severity"], desk(document, "pair")["ended"]) == ("ok", False)
    assert desk(document, "pair")["standbys"] == [{"agent": "a", "state": "ended"}]


async def test_an_agent_that_is_cut_off_sees_only_itself_and_says_so(agents: dict[str, Member]) -> None:
    c = agents["c"]
    await until(c, "/api/fleet/health", lambda told: len(told["agents"]) == 3)
    c.proxy.stalled = True
    document = await until(c, "/api/fleet/health", lambda told: told["stale_since"] is not None)
    found = states(document)
    assert (found["a"], found["b"]) == (("unseen", "UNSEEN"), ("unseen", "UNSEEN"))
    assert found["c"] == ("here", "THING_WELL")
    c.proxy.heal()
    await until(
        c,
        "/api/fleet/health",
        lambda told: (
            told["stale_since"] is None and {state for state, _ in states(told).values()} == {"here"}
        ),
    )
