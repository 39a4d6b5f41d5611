from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.testing import ManualClock, settle

START = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


async def test_the_clock_stands_still_until_it_is_moved(clock):
    await settle()
    assert (clock.now(), clock.monotonic()) == (START, 0)
    await clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=1.5), 1.5)
    await clock.advance(timedelta(hours=1))
    assert clock.monotonic() == 3601.5


async def test_a_sleeper_wakes_at_its_instant_and_not_before(clock):
    woken: list[float] = []

    async def nap() -> None:
        await clock.sleep(10)
        woken.append(clock.monotonic())

    task = asyncio.ensure_future(nap())
    await clock.advance(9.999)
    assert woken == []
    await clock.advance(60)
    assert woken == [10]
    await task


async def test_a_sleeper_that_sleeps_again_wakes_each_time_on_the_way(clock):
    woken: list[float] = []

    async def tick() -> None:
        while True:
            await clock.sleep(2)
            woken.append(clock.monotonic())

    task = asyncio.ensure_future(tick())
    await clock.advance(7)
    assert woken == [2, 4, 6]
    task.cancel()


async def test_a_sleep_of_no_length_still_waits_for_the_clock(clock):
    task = asyncio.ensure_future(clock.sleep(-1))
    await settle()
    assert not task.done()
    await clock.advance(0)
    assert task.done()


async def test_calls_come_in_the_order_of_their_instants_then_of_their_making(clock):
    calls: list[str] = []
    for name, seconds in (("late", 2), ("first", 1), ("second", 1)):
        clock.call_later(seconds, lambda name=name: calls.append(f"{name} at {clock.monotonic():g}"))
    await clock.advance(2)
    assert calls == ["first at 1", "second at 1", "late at 2"]


async def test_a_cancelled_call_does_not_come(clock):
    calls: list[str] = []
    timer = clock.call_later(1, lambda: calls.append("never"))
    timer.cancel()
    timer.cancel()
    await clock.advance(2)
    assert calls == []


async def test_a_call_may_ask_for_another_within_the_same_move(clock):
    calls: list[float] = []

    def again() -> None:
        calls.append(clock.monotonic())
        clock.call_later(1, again)

    clock.call_later(1, again)
    await clock.advance(3)
    assert calls == [1, 2, 3]


async def test_a_sleeper_that_is_cancelled_leaves_nothing_behind(clock):
    task = asyncio.ensure_future(clock.sleep(1))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await clock.advance(2)


async def test_a_timeout_ends_what_takes_longer(clock):
    async def slow() -> None:
        async with clock.timeout(5):
            await clock.sleep(10)

    task = asyncio.ensure_future(slow())
    await clock.advance(4.999)
    assert not task.done()
    await clock.advance(0.001)
    with pytest.raises(TimeoutError):
        await task


async def test_a_timeout_lets_be_what_is_done_in_time(clock):
    async def quick() -> str:
        async with clock.timeout(5):
            await clock.sleep(4)
        await clock.sleep(4)
        return "done"

    task = asyncio.ensure_future(quick())
    await clock.advance(8)
    assert await task == "done"


async def test_a_timeout_of_none_never_ends(clock):
    async def patient() -> None:
        async with clock.timeout(None):
            await clock.sleep(86_400)

    task = asyncio.ensure_future(patient())
    await clock.advance(86_400)
    await task


async def test_an_error_passes_through_a_timeout(clock):
    with pytest.raises(ZeroDivisionError):
        async with clock.timeout(5):
            raise ZeroDivisionError


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "back"])
async def test_setting_the_wall_clock_moves_no_duration_and_wakes_nobody(clock, step):
    calls: list[float] = []
    clock.call_later(10, lambda: calls.append(clock.monotonic()))
    clock.step_wall(step)
    await settle()
    assert (clock.now(), clock.monotonic(), calls) == (START + step, 0, [])
    await clock.advance(10)
    assert calls == [10]


@given(st.lists(st.integers(0, 5_000), max_size=8), st.lists(st.integers(0, 2_000), max_size=6))
def test_however_the_time_is_cut_the_same_calls_come_at_the_same_instants(delays_ms, steps_ms):
    async def play(steps: list[int]) -> list[float]:
        clock, calls = ManualClock(START), []
        for delay in delays_ms:
            clock.call_later(delay / 1000, lambda: calls.append(clock.monotonic()))
        for step in steps:
            await clock.advance(timedelta(milliseconds=step))
        return calls

    assert asyncio.run(play([0, *steps_ms])) == asyncio.run(play([sum(steps_ms)]))
