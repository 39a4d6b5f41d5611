"""A broker from outside the tree: another login, another feed, a token that dies at half past three."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from .conftest import LIVE, Program, _beside

EXAMPLE = Path(__file__).parents[2] / "examples" / "openbell-upstox"
JUST_BEFORE = "2026-11-24T03:29:57+05:30"
THE_END = datetime.fromisoformat("2026-11-24T03:30:00+05:30")

DESK = """
name = "upstox-desk"
environment = "simulated"
[machines.market]
kind = "market"
segment = "NSE_EQ"
[readiness]
require = { auth = ["VALID"], feed = ["CONNECTED"] }
"""


def configuration(upstox: str) -> str:
    """The package's own sample, for a desk that wants data at night as well."""
    sample = (EXAMPLE / "sample.toml").read_text()
    return DESK + sample.replace("http://127.0.0.1:9100", upstox).replace(
        'CLOSED = "nothing"', 'CLOSED = "data"'
    )


@pytest.fixture
def installed(strangers: Path) -> dict[str, str]:
    """An environment with the example installed into it."""
    return {"PYTHONPATH": str(strangers)}


@pytest.fixture
async def upstox(installed: dict[str, str], tmp_path: Path) -> AsyncIterator[str]:
    """The address of a simulated Upstox, which runs as the package brings it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openbell_upstox.simulator", "--port", "0", "--at", LIVE),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **_beside(installed)},
    )
    program = Program(process, tmp_path)
    try:
        yield (await program.says(r"simulated Upstox at (\S+)"))[1]
    finally:
        assert await program.stop() == 0


async def test_a_token_dies_at_half_past_three_and_a_login_brings_the_desk_back(
    open_desk: Any, installed: dict[str, str], upstox: str, tmp_path: Path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "agent.toml").write_text(configuration(upstox))
    desk = await open_desk(LIVE, environment=installed)
    assert (await desk.code("AUTH_REQUIRED"))["action"]["kind"] == "login"
    await desk.login()
    document = await desk.live()
    assert document["tradable"]
    assert document["machines"]["upstox-feed"]["reason"] == "TICKING"
    assert await desk.program.stop() == 0

    night = await open_desk(JUST_BEFORE, environment=installed)
    now = (await night.get())["generated_at"]  # the broker's clock is no further than the agent's
    async with desk.session.post(f"{upstox}/sim/clock", json={"at": now}) as answer:
        assert answer.status == 200
    over = await night.until(lambda d: d["machines"]["upstox-login"]["reason"] == "ROLLOVER")
    login = over["machines"]["upstox-login"]
    assert (over["code"], login["state"]) == ("AUTH_REQUIRED", "EXPIRED")
    assert datetime.fromisoformat(login["observed_at"]) >= THE_END
    await night.login()
    back = await night.until(lambda d: d["ready"] and d["machines"]["upstox-feed"]["reason"] == "TICKING")
    assert back["machines"]["upstox-login"]["reason"] == "VERIFIED"
    assert back["code"] == "CLOSED"
    assert await night.program.stop() == 0
    token = (folder / "data" / "upstox-token").read_text().strip()
    said = "".join(desk.program.output + night.program.output)
    assert not [secret for secret in (token, "demo-secret", "/feed/") if secret in said + json.dumps(back)]
