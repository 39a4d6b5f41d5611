"""Commands are real processes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.runtime.commands import KEPT, Outcome, run_command


async def run(*command: str, timeout_s: float = 10, folder: Path = Path()) -> Outcome:
    words = {"OPENBELL_RULE": "feed-stale"}
    return await run_command(command, folder=folder, words=words, timeout_s=timeout_s, clock=SystemClock())


async def test_output_of_both_streams_and_the_status_are_kept() -> None:
    outcome = await run("/bin/sh", "-c", "echo out; echo $OPENBELL_RULE >&2; exit 3")
    assert outcome == Outcome(3, "out\nfeed-stale\n")


async def test_the_agent_s_own_environment_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITE_API_SECRET", "do-not-show")
    outcome = await run("/usr/bin/env")
    assert "do-not-show" not in outcome.output
    assert f"PATH={os.environ['PATH']}" in outcome.output


async def test_no_shell_reads_the_arguments() -> None:
    assert (await run("/bin/echo", "$HOME", ";", "exit")).output == "$HOME ; exit\n"


async def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $!; sleep 600"
    outcome = await run("/bin/sh", "-c", script, timeout_s=0.3)
    assert outcome.timed_out
    assert outcome.status is None
    child = Path(f"/proc/{outcome.output.strip()}/stat")
    async with asyncio.timeout(5):
        while child.exists() and child.read_text().split()[2] != "Z":
            await asyncio.sleep(0.01)


async def test_a_grandchild_that_keeps_the_output_open_is_not_waited_for() -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '30']).pid)"
    outcome = await run(sys.executable, "-c", script, timeout_s=10)
    assert (outcome.status, outcome.timed_out) == (0, False)
    os.kill(int(outcome.output), 9)


async def test_only_the_last_of_much_output_is_kept() -> None:
    outcome = await run(sys.executable, "-c", "print('x' * 1_000_000); print('the end')")
    assert len(outcome.output) == KEPT
    assert outcome.output.endswith("the end\n")


@pytest.mark.parametrize(
    "command", [pytest.param("/no/such/program", id="missing"), pytest.param("/etc/passwd", id="no program")]
)
async def test_a_command_that_cannot_be_started_says_why(command: str) -> None:
    outcome = await run(command)
    assert outcome.status is None
    assert outcome.output.startswith("it cannot be started: ")
