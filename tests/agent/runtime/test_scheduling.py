"""The schedule, on the real scheduler and the real clock; each test waits for the call itself."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import SystemClock
from agent.runtime.scheduling import Scheduling

SHORT = timedelta(milliseconds=50)


class Woken:
    """Counts wake-ups, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self.thread: int | None = None
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.thread = threading.get_ident()
        self._event.set()

    async def next(self) -> None:
        async with asyncio.timeout(20):
            await self._event.wait()
        self._event.clear()


@pytest.fixture
async def timed():
    clock, woken = SystemClock(datetime(2026, 11, 23, 3, 45, tzinfo=UTC)), Woken()
    scheduling = Scheduling(clock, woken)
    scheduling.start()
    yield clock, woken, scheduling
    scheduling.stop()


async def test_the_wake_up_comes_at_its_instant_on_the_loop_and_never_early(timed) -> None:
    clock, woken, scheduling = timed
    due = clock.now() + SHORT
    scheduling.wake_at(due)
    await woken.next()
    assert clock.now() >= due
    assert woken.thread == threading.get_ident()


async def test_an_instant_in_the_past_wakes_at_once(timed) -> None:
    clock, woken, scheduling = timed
    scheduling.wake_at(clock.now() - timedelta(hours=9))
    await woken.next()
    assert woken.count == 1


async def test_an_instant_that_comes_while_the_former_one_is_looked_at_wakes_as_well() -> None:
    clock, done = SystemClock(datetime(2026, 11, 23, 3, 45, tzinfo=UTC)), asyncio.Event()
    instants = [clock.now() + SHORT * number / 50 for number in range(20)]

    def look() -> None:
        if not instants:
            done.set()
            return
        scheduling.wake_at(instants.pop(0))

    scheduling = Scheduling(clock, look)
    scheduling.start()
    try:
        look()
        async with asyncio.timeout(20):
            await done.wait()
    finally:
        scheduling.stop()


async def test_a_later_wish_takes_the_place_of_a_former_one(timed) -> None:
    clock, woken, scheduling = timed
    scheduling.wake_at(clock.now() + timedelta(hours=1))
    scheduling.wake_at(clock.now() + SHORT)
    await woken.next()
    scheduling.wake_at(clock.now() + timedelta(hours=1))
    scheduling.wake_at(None)
    scheduling.rearm()
    assert woken.count == 1


async def test_the_calls_of_one_interval_share_a_job_and_are_spread_over_it(timed) -> None:
    clock, _, scheduling = timed
    times: dict[int, float] = {}
    enough = asyncio.Event()

    def call(number: int) -> None:
        times.setdefault(number, clock.monotonic())
        if len(times) == 4:
            enough.set()

    for number in range(4):
        scheduling.every(timedelta(milliseconds=400), lambda n=number: call(n))
    async with asyncio.timeout(20):
        await enough.wait()
    assert len(scheduling._scheduler.get_jobs()) == 1
    assert list(times) == [0, 1, 2, 3]
    assert times[3] - times[0] >= 0.25


async def test_rearming_keeps_what_was_wished_for(timed) -> None:
    clock, woken, scheduling = timed
    scheduling.wake_at(clock.now() + SHORT)
    scheduling.rearm()
    await woken.next()
    assert woken.count == 1


async def test_no_run_is_dropped_for_being_late(timed) -> None:
    clock, woken, scheduling = timed
    scheduling.wake_at(clock.now() + timedelta(milliseconds=10))
    end = clock.monotonic() + 1.2
    while clock.monotonic() < end:
        pass
    await woken.next()
    assert woken.count == 1


async def test_what_is_forgotten_is_called_no_more_and_the_others_are(timed) -> None:
    _, woken, scheduling = timed
    forgotten = Woken()
    scheduling.every(SHORT, forgotten)
    scheduling.every(SHORT, woken)
    scheduling.forget(SHORT, forgotten)
    await woken.next()
    await woken.next()
    assert forgotten.count == 0
    scheduling.forget(SHORT, woken)
    assert scheduling._scheduler.get_jobs() == []
