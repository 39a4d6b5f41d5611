"""What an agent that stands by answers: for its desk nothing, for the fleet all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load
from tests.postgres import Database, free_port

TOKEN = "the-read-token-of-this-test-0001"
CONFIG = """
name = "{name}"
environment = "simulated"
[server]
port = {port}
host = "0.0.0.0"
read_token = "{token}"
control_token = "{token}-control"
[simulator]
port = 0
[store]
url = "{url}"
desk = "main"
takeover = "2s"
[machines.market]
kind = "market"
segment = "NSE_EQ"
"""


def configured(folder: Path, name: str, url: str) -> tuple[Path, str]:
    place = folder / name
    place.mkdir()
    config, port = place / "agent.toml", free_port()
    config.write_text(CONFIG.format(name=name, port=port, token=TOKEN, url=url))
    config.chmod(0o600)
    return config, f"http://127.0.0.1:{port}"


@pytest.fixture
async def standby(database: Database, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """The addresses of one that stands by and of the owner."""
    owner, owner_url = configured(tmp_path, "one", database.url)
    other, other_url = configured(tmp_path, "two", database.url)
    async with serving(load(owner, {}), SystemClock()), serving(load(other, {}), SystemClock()):
        yield other_url, owner_url


async def test_a_trading_process_hears_that_it_may_not_trade(standby: tuple[str, str]) -> None:
    url, _ = standby
    async with aiohttp.ClientSession() as session:
        for path in ("/api/system/tradable", "/api/system/ready", "/api/system/health", "/api/system/events"):
            async with session.get(url + path) as answer:
                assert answer.status == 503, path
                body = await answer.json(content_type=None)
                assert body["detail"] == "This agent stands by; ask the one that owns the desk."
                assert body["code"] == "STANDBY"
                assert not {"owner", "desk", "url"} & body.keys()
        async with session.post(url + "/api/system/push/market", json={}) as answer:
            assert answer.status == 503
        async with session.get(url + "/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "standing by\n")
        async with session.get(url + "/livez") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_whoever_may_read_hears_who_owns_the_desk_and_where(standby: tuple[str, str]) -> None:
    url, owner_url = standby
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        async with asyncio.timeout(20):
            while True:
                async with session.get(url + "/api/system/health") as answer:
                    body = await answer.json(content_type=None)
                if body.get("url"):
                    break
                await asyncio.sleep(0.05)
        reached = owner_url.replace("127.0.0.1", socket.gethostname())
        assert (body["desk"], body["owner"], body["url"]) == ("main", "one", reached), (
            "by a name that other machines know"
        )
        assert body["detail"] == f"This agent stands by: one owns the desk main at {reached}."
        async with session.get(url + "/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/fleet")
        async with session.get(url + "/fleet") as answer:
            assert answer.status == 200
        async with session.get(url + "/api/fleet/health") as answer:
            fleet = await answer.json()
        async with session.get(url + "/metrics") as answer:
            counted = (answer.status, await answer.text())
    assert {one["name"]: one["role"] for one in fleet["agents"]} == {"one": "owner", "two": "standby"}
    assert fleet["told_by"] == "two"
    assert counted[0] == 200, "or a scrape takes it for dead"
    assert 'openbell_fleet_agents{state="here"} 2.0' in counted[1]
    assert "openbell_ready" not in counted[1], "of the desk its owner tells"


async def test_a_stranger_sees_no_fleet(standby: tuple[str, str]) -> None:
    url, _ = standby
    async with aiohttp.ClientSession() as session:
        for path in ("/fleet", "/api/fleet/health", "/api/fleet/events", "/metrics", "/"):
            async with session.get(url + path, allow_redirects=False) as answer:
                assert answer.status == 401, path
        async with session.delete(url + "/api/fleet/agents/one") as answer:
            assert answer.status == 401


async def test_the_owner_s_event_stream_begins_with_its_document(standby: tuple[str, str]) -> None:
    _, owner_url = standby
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
        asyncio.timeout(20),
        session.get(owner_url + "/api/system/events") as answer,
    ):
        assert (await answer.content.readline()).rstrip() == b"event: document"
