"""The program on a machine that has no network but itself: it knows whose fault that is."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = [shutil.which("unshare") or "unshare", "--map-root-user", "--net"]
IN_A_ROOM_OF_ITS_OWN = """
import fcntl, runpy, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS: IFF_UP
sys.argv = ["openbell", *sys.argv[1:]]
runpy.run_module("agent.cli", run_name="__main__")
"""
CONFIG = """
[server]
port = 0
[credentials.kite]
source = "env-file"
path = ".env"
key = "TOKEN"
[machines.market]
kind = "market"
[machines.auth]
kind = "kite-login"
api_key = "demo"
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*UNSHARE, "true"], check=False).returncode != 0,
    reason="no network namespace can be made here",
)
async def test_a_lost_network_is_the_agents_own_trouble_and_not_the_brokers(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(CONFIG)
    (tmp_path / ".env").write_text("TOKEN=abcdef0123456789\n")
    (tmp_path / ".env").chmod(0o600)
    command = [*UNSHARE, sys.executable, "-c", IN_A_ROOM_OF_ITS_OWN, "run", "-c", "agent.toml"]
    program = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    said = ""
    try:
        async with asyncio.timeout(30):
            while not (first := re.search(r"start → (.*)", said)):
                said += (await program.stderr.readline()).decode()
    finally:
        program.terminate()
        await program.communicate()
    assert first[1].startswith("AGENT_DEGRADED: this machine has lost its network: no route leads out")
