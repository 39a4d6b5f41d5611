"""The event loop of the whole program: it outlives an exit, and it ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from agent.runtime import lasting


def test_an_exit_in_a_callback_does_not_end_the_loop(caplog) -> None:
    done = []

    def leave() -> None:
        raise SystemExit(9)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(leave)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append(True)

    lasting.run(main())
    assert done == [True]
    assert "a callback would have ended the agent" in caplog.text


def test_an_error_of_the_program_itself_comes_out() -> None:
    async def main() -> None:
        raise SystemExit(2)

    with pytest.raises(SystemExit):
        lasting.run(main())


STUBBORN = """
import asyncio, threading, time
from agent.runtime import lasting

async def stay():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def main():
    asyncio.get_running_loop().create_task(stay(), name="stubborn")
    threading.Thread(target=time.sleep, args=(3600,), name="blocked").start()
    await asyncio.sleep(0)

lasting.PATIENCE_S = 0.2
lasting.run(main())
lasting.leave_blocked_threads()
"""


def test_a_task_and_a_thread_that_will_not_end_are_left_behind_and_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUBBORN], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 0
    assert "stubborn ignores that it was cancelled" in ended.stderr
    assert "blocked do not end" in ended.stderr
