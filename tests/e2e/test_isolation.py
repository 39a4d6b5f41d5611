"""A machine's own process ends with the agent, even one that is killed while the process hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
DEADLINE_S = 30.0

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


async def test_after_three_crashes_the_agent_starts_without_the_plugin_that_makes_it_crash(
    start, open_desk, tmp_path
) -> None:
    site, folder = tmp_path / "site", tmp_path / "desk"
    info = site / "openbell_deadly-0.1.dist-info"
    info.mkdir(parents=True)
    folder.mkdir()
    (site / "deadly_machine.py").write_text("import ctypes\nctypes.string_at(0)\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-deadly\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\ndeadly = deadly_machine\n")
    (folder / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0]
        + '[plugins]\nenable = ["deadly"]\n[machines.deadly]\nkind = "deadly"\n'
    )
    environment = {"PYTHONPATH": str(site)}
    arguments = ("demo", "--port", "0", "--broker-port", "0", "--data-dir", str(folder))
    for _ in range(3):
        crashed = await start(*arguments, environment=environment)
        assert await crashed.ended() == -signal.SIGSEGV
    desk = await open_desk(environment=environment)
    document = await desk.until(lambda d: d["machines"]["deadly"]["reason"] == "PLUGIN_ERROR")
    [listed] = [one for one in document["agent"]["plugins"] if one["name"] == "deadly"]
    assert (listed["state"], "ended abruptly 3 times" in listed["error"]) == ("failed", True)
    await desk.login()
    await desk.until(lambda d: d["ready"])
    assert await desk.program.stop() == 0
    assert not (folder / "data" / "unended-starts.json").exists()
