"""The machine, the credential service and a `.env` file together, by the real clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from agent.clock import SystemClock
from agent.config.credentials import EnvFileSettings
from agent.errors import LoginError
from agent.runtime.credentials import CredentialService
from agent.simulator import Simulator
from agent.testing import Bench, MemoryStore, running
from plugins.auth import KiteLogin, KiteLoginSettings, State


@dataclass
class RealDesk:
    env: Path
    bench: Any
    machine: KiteLogin
    service: CredentialService
    simulator: Simulator
    http: aiohttp.ClientSession

    async def came_back(self) -> dict[str, str]:
        url = URL(await self.machine.begin("s", "http://x/")).update_query(approve="1")
        async with self.http.get(url, allow_redirects=False) as redirect:
            return dict(URL(redirect.headers["Location"]).query)

    async def end_all_tokens(self) -> None:
        async with self.http.post(f"{self.simulator.url}/sim/token", json={"do": "revoke"}) as answer:
            assert answer.status == 200


@pytest.fixture
async def real_desk(tmp_path: Path) -> AsyncIterator[RealDesk]:
    env = tmp_path / ".env"
    env.write_text("# the desk's\nOTHER='x y'\r\n")
    env.chmod(0o600)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bench: Any = Bench(name="auth", simulator=simulator.url)
        bench.clock = SystemClock()
        service = CredentialService(
            {"kite": EnvFileSettings(source="env-file")},
            clock=bench.clock,
            store=MemoryStore(),
            folder=tmp_path,
        )
        await service.start()
        bench.credentials = service.credentials
        machine = KiteLogin(KiteLoginSettings(api_key="demo", api_secret="demo-secret"), bench)
        await stack.enter_async_context(running(service))
        await stack.enter_async_context(running(machine))
        yield RealDesk(env, bench, machine, service, simulator, http)


async def test_a_login_writes_the_file_and_leaves_its_other_lines(real_desk: RealDesk) -> None:
    await real_desk.machine.complete(await real_desk.came_back())
    assert real_desk.bench.reports[-1].state is State.VALID
    (token,) = real_desk.service.values()
    assert real_desk.env.read_bytes() == (
        f"# the desk's\nOTHER='x y'\r\nZERODHA_ACCESS_TOKEN={token}\r\n".encode()
    )


async def test_a_token_that_another_process_writes_is_valid_within_two_seconds(real_desk: RealDesk) -> None:
    await real_desk.machine.complete(await real_desk.came_back())
    (token,) = real_desk.service.values()
    real_desk.env.write_text("ZERODHA_ACCESS_TOKEN=dead\n")
    await real_desk.bench.until(lambda report: report.state is State.EXPIRED, timeout_s=2)
    fresh = real_desk.env.with_name("fresh")
    fresh.write_text(f"ZERODHA_ACCESS_TOKEN={token}\n")
    fresh.rename(real_desk.env)
    await real_desk.bench.until(lambda report: report.state is State.VALID, timeout_s=2)


async def test_a_file_that_may_not_be_written_is_said_so_and_the_token_is_used(real_desk: RealDesk) -> None:
    real_desk.env.with_name("second-name").hardlink_to(real_desk.env)
    line = await real_desk.machine.complete(await real_desk.came_back())
    assert "could not be stored" in line
    report = real_desk.bench.reports[-1]
    assert report.state is State.VALID
    assert "not stored" in report.message
    assert "not stored" in real_desk.service.troubles()["kite"]
    assert real_desk.env.read_text().startswith("# the desk's")


async def test_a_failed_login_leaves_the_file_as_it_was(real_desk: RealDesk) -> None:
    before = real_desk.env.read_bytes()
    with pytest.raises(LoginError):
        await real_desk.machine.complete({"request_token": "Used0nce"})
    assert real_desk.env.read_bytes() == before
