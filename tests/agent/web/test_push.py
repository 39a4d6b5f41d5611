"""What is pushed over HTTP: by whom, how much, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load

CONFIG = """
name = "desk"

[server]
port = 0
push_token = "a-token-for-reports"
control_token = "a-token-for-control"

[machines.market]
kind = "market"
segment = "NSE_EQ"

[machines.strategy]
kind = "pushed-feed"
"""

BEAT = {"process": "p1", "connected": True, "opened": 1, "frames": 9, "heard_s": 0.1}
PUSH = {"Authorization": "Bearer a-token-for-reports"}


class Door:
    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http

    async def push(self, machine: str = "strategy", **more: Any) -> tuple[int, Any]:
        headers = more.pop("headers", PUSH)
        url = f"{self.url}/api/system/push/{machine}"
        async with self.http.post(url, headers=headers, **more) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    async with AsyncExitStack() as stack:
        (address,) = await stack.enter_async_context(serving(load(path, {}), SystemClock()))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Door(address.rpartition(" ")[2], http)


@pytest.mark.parametrize("token", ["a-token-for-reports", "a-token-for-control"])
async def test_a_beat_is_taken_and_its_state_is_in_the_document(door: Door, token: str) -> None:
    status, answer = await door.push(json=BEAT, headers={"Authorization": f"Bearer {token}"})
    assert (status, answer) == (200, {"watch": []})
    async with door.http.get(f"{door.url}/api/system/health/strategy") as found:
        assert (await found.json())["state"] in ("CONNECTED", "CONNECTING")


@pytest.mark.parametrize(
    "headers",
    [pytest.param({}, id="no token"), pytest.param({"Authorization": "Bearer wrong"}, id="a wrong one")],
)
async def test_nobody_pushes_without_a_token_not_even_on_loopback(
    door: Door, headers: dict[str, str]
) -> None:
    status, answer = await door.push(json=BEAT, headers=headers)
    assert status == 401
    assert "push" in answer["detail"]


async def test_the_page_s_session_is_not_enough(door: Door) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{door.url}/"):
            pass
        assert len(jar) == 1
        assert (await Door(door.url, browser).push(json=BEAT, headers={}))[0] == 401


async def test_the_push_token_controls_nothing(door: Door) -> None:
    url = f"{door.url}/api/system/health/strategy/reconnect"
    async with door.http.post(url, headers=PUSH) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param(b"{", 400, "JSON object", id="no JSON"),
        pytest.param(b"[]", 400, "JSON object", id="no object"),
        pytest.param(b"[" * 50_000, 400, "JSON object", id="nested without end"),
        pytest.param(b"{}", 409, "process: Field required", id="no beat"),
        pytest.param(b" " * 70_000, 413, "too large", id="too much"),
    ],
)
async def test_a_body_that_cannot_be_used_says_what_would_do(
    door: Door, body: bytes, status: int, words: str
) -> None:
    headers = PUSH | {"Content-Type": "application/json"}
    found, answer = await door.push(data=body, headers=headers)
    assert found == status
    assert words in answer["detail"]


async def test_a_machine_that_takes_no_reports_names_those_that_do(door: Door) -> None:
    assert await door.push("market", json=BEAT) == (
        404,
        {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "No machine of this name takes reports.",
            "known": ["strategy"],
        },
    )
