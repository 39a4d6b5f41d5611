"""An agent that starts without a plugin which it knew: what that had found lasts, until a person ends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config.loading import load
from agent.health.document import HealthDocument
from agent.runtime.agent import Agent

LIMIT_S = 20.0
PLUGIN = """
from agent.api import Report, Settings, hookimpl

class Blank(Settings):
    pass

class Cellar:
    def __init__(self, settings, context):
        self.context = context
    async def probe(self):
        return Report(state="ILL", reason="ILL", observed_at=self.context.clock.now())

@hookimpl
def openbell_state_machines(register):
    register("cellar", Cellar, settings=Blank, role="vault", states=["WELL", "ILL"], reasons=["ILL"])

@hookimpl
def openbell_rules(register):
    register({"id": "vault-ill", "code": "VAULT_ILL", "when": {"vault": ["ILL"]}, "severity": "critical"})
"""
VAULT = '[plugins]\nenable = ["vaults"]\n[machines.strongroom]\nkind = "cellar"\n'
REST = """
[network]
watch = false
[readiness]
require = {{ vault = ["WELL"] }}
[[rule]]
id = "unknown"
code = "MACHINE_UNKNOWN"
when = {{ "*" = ["UNKNOWN"] }}
severity = "unknown"
for = "{patience}"
[[rule]]
id = "well"
code = "WELL"
when = {{ agent = "*" }}
severity = "ok"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the configuration is to be; the plugin is installed."""
    site = tmp_path / "site"
    info = site / "openbell_vaults-0.1.dist-info"
    info.mkdir(parents=True)
    (site / "plugin_vaults.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-vaults\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\nvaults = plugin_vaults\n")
    monkeypatch.syspath_prepend(str(site))
    yield tmp_path / "agent.toml"
    sys.modules.pop("plugin_vaults", None)


def read(file: Path, vault: str = VAULT, *, patience: str = "1h", without: bool = False) -> Any:
    file.write_text(vault + REST.format(patience=patience))
    return load(file, {}, refuse=lambda folder: "kept out" if without else None)


@asynccontextmanager
async def running(blueprint: Any) -> AsyncIterator[Agent]:
    agent = Agent(blueprint, clock=SystemClock(), base_url="http://127.0.0.1:8000")
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


async def until(agent: Agent, holds: Callable[[HealthDocument], bool]) -> HealthDocument:
    def is_there(_: object) -> bool:
        return agent.publisher.latest is not None and holds(agent.publisher.latest.document)

    async with asyncio.timeout(LIMIT_S):
        await agent.publisher.revised.until(is_there)
    assert agent.publisher.latest is not None
    return agent.publisher.latest.document


async def test_its_problem_lasts_through_an_edit_and_ends_when_its_machine_is_taken_out(file: Path) -> None:
    async with running(read(file)) as agent:
        before = await until(agent, lambda d: d.code == "VAULT_ILL")
        opened = agent.core.incident
    async with running(read(file, without=True)) as agent:
        after = await until(agent, lambda d: d.code != "STARTING")
        assert (after.code, after.since) == ("VAULT_ILL", before.since)
        assert after.machines["strongroom"].role == "vault"
        assert [one.machine for one in after.blockers] == ["strongroom"]
        assert agent.core.incident == opened

        changes = await agent.adopt(read(file, patience="2h", without=True))
        assert changes.words == "rule changed"
        still = await until(agent, lambda d: d.machines["strongroom"].reason == "PLUGIN_ERROR")
        assert (still.code, still.since, agent.core.incident) == ("VAULT_ILL", before.since, opened)

        await agent.adopt(read(file, "", without=True))
        await until(agent, lambda d: d.code == "WELL")
        assert agent.core.incident is None
    async with running(read(file, without=True)) as agent:
        again = await until(agent, lambda d: d.code != "STARTING")
        assert again.code == "WELL", "what a person took out is forgotten"
