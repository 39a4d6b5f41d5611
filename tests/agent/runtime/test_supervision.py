"""Tasks that must not stop."""

from __future__ import annotations

import asyncio
import gc
import itertools

from agent.runtime.supervision import Supervisor
from agent.testing import ManualClock, settle


async def test_a_task_that_fails_starts_again_after_a_growing_pause() -> None:
    clock, starts, crashes = ManualClock(), [], []
    supervisor = Supervisor(clock)

    async def run() -> None:
        starts.append(clock.monotonic())
        raise ValueError("broken")

    supervisor.keep("feed", run, failed=crashes.append)
    await clock.advance(120)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert 0.25 <= gaps[0] <= 0.5
    assert all(15 <= gap <= 30 for gap in gaps[7:])
    assert supervisor.crashes["feed"] == len(crashes) == len(starts)
    await supervisor.stop()


async def test_one_that_fails_takes_no_other_with_it_not_even_by_exiting() -> None:
    clock, beats = ManualClock(), []
    supervisor = Supervisor(clock)

    async def exits() -> None:
        raise SystemExit(1)

    async def beat() -> None:
        while True:
            beats.append(clock.monotonic())
            await clock.sleep(1)

    supervisor.keep("exits", exits)
    supervisor.keep("beats", beat)
    await clock.advance(10)
    assert len(beats) == 11
    await supervisor.stop()


async def test_what_runs_once_is_not_collected_as_garbage() -> None:
    supervisor, done = Supervisor(ManualClock()), asyncio.Event()

    async def once() -> None:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waiting.set_result, None)
        await waiting
        done.set()

    supervisor.spawn("once", once())
    gc.collect()
    await settle()
    assert done.is_set()


async def test_stopping_ends_all_tasks() -> None:
    clock, ended = ManualClock(), []
    supervisor = Supervisor(clock)

    async def run() -> None:
        try:
            await clock.sleep(1000)
        finally:
            ended.append(True)

    supervisor.keep("one", run)
    supervisor.keep("two", run)
    await settle()
    await supervisor.stop()
    assert ended == [True, True]


async def test_some_tasks_are_ended_and_the_others_go_on() -> None:
    supervisor, ended = Supervisor(ManualClock()), []

    async def run(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    one = supervisor.keep("one", lambda: run("one"))
    other = supervisor.keep("other", lambda: run("other"))
    await settle()
    await supervisor.end([one])
    await supervisor.end([one])
    assert (ended, one.done(), other.done()) == (["one"], True, False)
    await supervisor.stop()
