"""A machine's own process ends with the agent, even one that is killed while the process hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
DEADLINE_S = 30.0
LATER = "2026-11-23T10:10:00+05:30"

PLUGIN = """
import os, time
from agent.api import Report, Settings, hookimpl

class Blank(Settings):
    pass

class Stuck:
    def __init__(self, settings, context):
        self.context = context
    async def probe(self):
        return Report(state="FINE", reason="FINE", observed_at=self.context.clock.now(),
                      attributes={"pid": os.getpid()})
    async def run(self):
        self.context.report(await self.probe())
        time.sleep(3600)

@hookimpl
def openbell_state_machines(register):
    register("stuck", Stuck, settings=Blank, role="stuck", states=["FINE"], reasons=["FINE"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process is waited for by its pidfd")
async def test_it_ends_with_an_agent_that_is_killed(open_desk, tmp_path) -> None:
    site, folder = tmp_path / "site", tmp_path / "desk"
    info = site / "openbell_stuck-0.1.dist-info"
    info.mkdir(parents=True)
    folder.mkdir()
    (site / "stuck_machine.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-stuck\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\nstuck = stuck_machine\n")
    (folder / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0]
        + '[plugins]\nenable = ["stuck"]\n'
        + '[machines.stuck]\nkind = "stuck"\nisolation = "process"\nevery = "1h"\ntimeout = "10m"\n'
    )
    desk = await open_desk(environment={"PYTHONPATH": str(site)})
    found = await desk.until(lambda d: d["machines"]["stuck"]["state"] == "FINE")
    pid = found["machines"]["stuck"]["attributes"]["pid"]
    ended = asyncio.Event()
    handle = os.pidfd_open(pid)
    asyncio.get_running_loop().add_reader(handle, ended.set)
    try:
        desk.program.kill()
        async with asyncio.timeout(DEADLINE_S):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)


DEADLY = """
import ctypes
from pathlib import Path
from agent.api import Report, Settings, hookimpl

if Path("deadly").exists():
    ctypes.string_at(0)

class Blank(Settings):
    pass

class Vault:
    def __init__(self, settings, context):
        self.context = context
    async def probe(self):
        state = Path("vault").read_text()
        return Report(state=state, reason=state, observed_at=self.context.clock.now())

@hookimpl
def openbell_state_machines(register):
    register("cellar", Vault, settings=Blank, role="vault", states=["WELL", "ILL"], reasons=["WELL", "ILL"])

@hookimpl
def openbell_rules(register):
    rule = {"id": "vault-ill", "code": "VAULT_ILL", "when": {"vault": ["ILL"]}, "severity": "critical"}
    register({**rule, "message": "The vault is open"}, before="auth-required")
"""


async def test_after_three_ends_the_agent_starts_without_the_plugin_and_its_alarm_lasts(
    start, open_desk, receiver, tmp_path
) -> None:
    url, arrived = receiver
    site, folder = tmp_path / "site", tmp_path / "desk"
    info = site / "openbell_deadly-0.1.dist-info"
    info.mkdir(parents=True)
    folder.mkdir()
    (site / "deadly_machine.py").write_text(DEADLY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-deadly\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\ndeadly = deadly_machine\n")
    (folder / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0]
        + '[readiness]\nrequire = { auth = ["VALID"], vault = ["WELL"] }\n'
        + '[plugins]\nenable = ["deadly"]\n[machines.strongroom]\nkind = "cellar"\nevery = "1s"\n'
        + f'[notifiers.hook]\nkind = "webhook"\nallow_private = true\nurl = "{url}"\n'
        + '[[route]]\nto = ["hook"]\nrule = ["vault-ill"]\n'
    )
    (tmp_path / "vault").write_text("ILL")
    environment = {"PYTHONPATH": str(site)}
    desk = await open_desk(environment=environment)
    await desk.login()
    alarm = await desk.code("VAULT_ILL")
    assert (await arrives(arrived))["reason"] == "FIRST"
    desk.program.kill()
    await desk.program.ended()

    (tmp_path / "deadly").touch()
    arguments = ("demo", "--port", "0", "--broker-port", "0", "--data-dir", str(folder))
    for _ in range(2):
        crashed = await start(*arguments, environment=environment)
        assert await crashed.ended() == -signal.SIGSEGV
    desk = await open_desk(LATER, environment=environment)
    blind = await desk.until(
        lambda d: (
            [p["code"] for p in d["problems"] if p["phase"] == "active"][:2]
            == ["VAULT_ILL", "MACHINE_UNKNOWN"]
        )
    )
    [listed] = [one for one in blind["agent"]["plugins"] if one["name"] == "deadly"]
    assert (listed["state"], "ended abruptly 3 times" in listed["error"]) == ("failed", True)
    assert (blind["code"], blind["since"]) == ("VAULT_ILL", alarm["since"])
    assert blind["message"].startswith("The vault is open (strongroom cannot be seen: ")
    assert blind["machines"]["strongroom"]["reason"] == "PLUGIN_ERROR"
    seen = await desk.until(lambda d: d["machines"]["auth"]["state"] == "VALID")
    assert [one["machine"] for one in seen["blockers"]] == ["strongroom"]
    assert await desk.program.stop() == 0
    assert not (folder / "data" / "unended-starts.json").exists()
    assert arrived.empty(), "it is told that nothing is over"


async def arrives(arrived: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        return await arrived.get()
