"""A trader's script with the real `KiteTicker` and one line more, the agent, and a broker that fails."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.client import Gate
from tests.e2e.conftest import LIVE, Desk, Program

SCRIPT = Path(__file__).parents[1] / "agent" / "client" / "trading_script.py"

PUSHED = """
name = "desk"
environment = "simulated"

[server]
port = 0
push_token = "a-token-for-reports"

[simulator]
port = 0

[credentials.kite]
source = "env-file"
path = ".env"
key = "ZERODHA_ACCESS_TOKEN"

[machines.market]
kind = "market"
segment = "NSE_EQ"

[machines.auth]
kind = "kite-login"
credential = "kite"
api_key = "demo"
api_secret = "demo-secret"

[machines.strategy]
kind = "pushed-feed"
credential = "kite"
stale_after = "3s"
heartbeat_after = "3s"
beat_after = "2500ms"
"""


@pytest.fixture
async def desk(start: Callable[..., Any], reach_desk: Callable[..., Any], tmp_path: Path) -> Desk:
    config = tmp_path / "agent.toml"
    config.write_text(PUSHED)
    config.chmod(0o600)
    return await reach_desk(await start("run", "-c", str(config), "--at", LIVE), tmp_path)


@asynccontextmanager
async def trading(desk: Desk, token: str, *words: str) -> AsyncIterator[Program]:
    """The script in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        desk.broker.replace("http", "ws"),
        token,
        desk.url,
        "strategy",
        "a-token-for-reports",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    program = Program(process, desk.program.folder)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await program.ended()


def feed(document: Any) -> tuple[str, str]:
    part = document["machines"]["strategy"]
    return part["state"], part["reason"]


async def login(desk: Desk) -> str:
    """Log in by the page; the token as it lies in the file."""
    await desk.login()
    return token_in_file(desk)


def token_in_file(desk: Desk) -> str:
    return (desk.program.folder / ".env").read_text().partition("=")[2].strip().strip("'\"")


@pytest.mark.parametrize("words", [(), ("late",)], ids=["attached before", "attached while it ticks"])
async def test_a_half_open_feed_is_noticed_and_connected_anew_in_the_same_process(
    desk: Desk, words: tuple[str, ...]
) -> None:
    first = await login(desk)
    async with trading(desk, first, *words) as script:
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await desk.sim("feed", fault="half-open")
        await desk.until(lambda document: feed(document) == ("STALE", "NO_HEARTBEAT"))
        await desk.sim("feed", fault=None)
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await script.says(r"(?s)connected.*connected.*ticks")
        assert not any(line.startswith("closed") for line in script.output)
        assert script.process.returncode is None


async def test_after_a_login_elsewhere_the_script_goes_on_with_the_fresh_token(desk: Desk) -> None:
    first = await login(desk)
    async with trading(desk, first) as script:
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await desk.sim("token", do="revoke")
        await desk.sim("feed", fault="drop")
        await desk.until(lambda document: document["machines"]["auth"]["state"] in ("EXPIRED", "REQUIRED"))
        await desk.until(lambda document: feed(document)[0] == "DISCONNECTED")
        fresh = await login(desk)
        assert fresh != first
        await script.says(f"connected {fresh}")
        document = await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        assert document["machines"]["strategy"]["attributes"]["credential_generation"]
        state = await desk.sim_state()
        assert len(state["connections"]) == 1
    said = "".join(desk.program.output)
    assert fresh not in said
    assert first not in said


async def test_a_process_that_ends_is_disconnected_and_the_next_one_takes_its_place(desk: Desk) -> None:
    token = await login(desk)
    async with trading(desk, token):
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
    document = await desk.until(lambda document: feed(document) == ("DISCONNECTED", "NO_HEARTBEAT"))
    assert "no trading process reports" in document["machines"]["strategy"]["message"]
    async with trading(desk, token):
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))


async def test_reconnects_leave_one_connection_and_no_sockets_behind(desk: Desk) -> None:
    async with trading(desk, await login(desk), "threaded") as script:
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await desk.open_page()
        sockets = Path(f"/proc/{script.process.pid}/fd")
        before = len(list(sockets.iterdir()))
        for number in range(2, 10):
            status, answer = await desk.post("/api/system/health/strategy/reconnect")
            assert status == 200, answer
            await desk.until(lambda document: feed(document)[0] == "CONNECTING")
            await script.says(rf"(?s)(connected .*){{{number}}}")
            await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        state = await desk.sim_state()
        assert len(state["connections"]) == 1
        assert len(list(sockets.iterdir())) <= before + 2


async def test_a_script_that_stops_its_reactor_is_told_to_be_restarted(desk: Desk) -> None:
    async with trading(desk, await login(desk), "stop") as script:
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await desk.sim("feed", fault="drop")
        await script.says("closed")
        await desk.until(lambda document: "restart the script" in document["machines"]["strategy"]["message"])
        assert script.process.returncode is None


async def test_a_ticker_that_has_given_up_is_connected_anew_when_the_broker_is_back(desk: Desk) -> None:
    async with trading(desk, await login(desk), "once") as script:
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        await desk.sim("feed", fault="half-open")
        await desk.until(lambda document: feed(document)[0] == "STALE")
        await desk.sim("feed", fault="refuse", status=503)
        await desk.until(lambda document: feed(document) == ("DISCONNECTED", "NETWORK"))
        await desk.sim("feed", fault=None)
        await desk.until(lambda document: feed(document) == ("CONNECTED", "TICKING"))
        assert script.process.returncode is None


async def test_the_gate_follows_the_agent_and_is_closed_without_it(desk: Desk) -> None:
    gate = Gate(desk.url)
    try:
        assert await asyncio.to_thread(gate.wait_for_word, 10)
        assert not gate.tradable()
        assert gate.why()
        async with trading(desk, await login(desk)):
            document = await desk.until(lambda document: document["tradable"])
            await desk.eventually(gate.tradable)
            assert document["code"] == "LIVE"
            desk.program.kill()
            async with asyncio.timeout(10):
                while gate.tradable():
                    await asyncio.sleep(0.01)
            assert "the agent" in gate.why()
    finally:
        gate.close()
