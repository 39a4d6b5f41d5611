from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import STEP_LIMIT, SystemClock

BELL = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
CLOSE = timedelta(seconds=5)
"""Nearer than this counts as now, so that a slow machine fails no test."""


def test_the_present_is_the_machines_and_in_utc():
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < CLOSE


def test_a_clock_may_be_started_at_another_instant():
    clock = SystemClock(BELL)
    assert BELL <= clock.now() < BELL + CLOSE
    assert abs(clock.wall() - datetime.now(UTC)) < CLOSE


def test_instants_and_durations_never_go_back():
    clock = SystemClock()
    instants = [clock.now() for _ in range(1000)]
    seconds = [clock.monotonic() for _ in range(1000)]
    assert instants == sorted(instants)
    assert seconds == sorted(seconds)


def test_instants_move_with_durations():
    clock = SystemClock(BELL)
    before = clock.now()
    began = time.monotonic()
    while time.monotonic() == began:
        pass
    assert before < clock.now() < before + CLOSE


@pytest.mark.parametrize("start_at", [None, BELL], ids=["now", "at the bell"])
def test_there_is_no_step_to_follow_while_the_machines_clock_is_let_be(start_at):
    clock = SystemClock(start_at)
    assert clock.follow() == timedelta(0)
    assert abs(clock.now() - (start_at or datetime.now(UTC))) < CLOSE


class SetClock(SystemClock):
    """A clock whose machine has an operator who sets it."""

    step = timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + self.step


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "back"])
@pytest.mark.parametrize("start_at", [None, BELL], ids=["now", "at the bell"])
def test_a_step_of_the_machines_clock_is_seen_only_when_it_is_followed(start_at, step):
    clock = SetClock(start_at)
    began, seconds = clock.now(), clock.monotonic()
    clock.step = step
    assert began <= clock.now() < began + CLOSE
    assert abs(clock.follow() - step) < CLOSE
    assert abs(clock.now() - (began + step)) < CLOSE
    assert clock.monotonic() - seconds < CLOSE.total_seconds()
    assert clock.follow() == timedelta(0)


def test_a_drift_within_the_limit_is_followed_silently():
    clock = SetClock(BELL)
    clock.step = STEP_LIMIT / 2
    assert clock.follow() == timedelta(0)
    assert BELL + clock.step <= clock.now() < BELL + clock.step + CLOSE


class DozingClock(SystemClock):
    """A clock whose machine is suspended when a test says so."""

    dozed_s = 0.0

    def asleep_s(self) -> float:
        return super().asleep_s() + self.dozed_s


@pytest.mark.parametrize(
    ("dozed_s", "slept"),
    [
        pytest.param(0.9, timedelta(0), id="within the limit"),
        pytest.param(600.0, timedelta(minutes=10), id="ten minutes"),
    ],
)
def test_a_suspend_is_told_once(dozed_s, slept):
    clock = DozingClock()
    assert clock.slept() == timedelta(0)
    clock.dozed_s = dozed_s
    assert abs(clock.slept() - slept) < timedelta(milliseconds=100)
    assert clock.slept() == timedelta(0)


async def test_a_sleep_lets_others_run_and_lasts():
    clock, ran = SystemClock(), asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert ran.is_set()
    assert clock.monotonic() - before >= 0.009


async def test_a_call_comes_later_unless_it_is_cancelled():
    clock, called = SystemClock(), asyncio.Event()
    calls: list[str] = []
    clock.call_later(0, lambda: calls.append("never")).cancel()
    clock.call_later(0.001, called.set)
    await called.wait()
    assert calls == []


async def test_a_timeout_ends_what_takes_longer():
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()


async def test_a_timeout_of_none_never_ends():
    clock = SystemClock()
    async with clock.timeout(None) as limit:
        assert limit.when() is None
