"""Clocks for tests: one that the test moves, and one in a hurry."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from agent.clock import SystemClock, Timer

MORNING = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Half past nine of a Monday in Mumbai: the market is open."""


class _ManualTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self._call = None

    def fire(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: datetime = MORNING) -> None:
        self._start = start
        self._elapsed = timedelta(0)
        self._timers: list[tuple[timedelta, int, _ManualTimer]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = _ManualTimer(call)
        due = self._elapsed + timedelta(seconds=max(0.0, seconds))
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            if seconds is None:
                yield
                return
            timer = self.call_later(seconds, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()

    async def advance(self, duration: timedelta | float) -> None:
        """Move on by `duration` (a number is seconds), waking what falls due, in order.

        Between two wakings every task runs until it waits again.
        """
        step = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        end = self._elapsed + step
        await settle()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            timer.fire()
            await settle()
        self._elapsed = end
        await settle()

    def step_wall(self, step: timedelta) -> None:
        """Set the wall clock forward or back, as an operator does; `monotonic` does not move."""
        self._start += step


async def settle(turns: int = 20) -> None:
    """Let the other tasks run until they wait."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FastClock:
    """A clock that runs `pace` times as fast as the real one, for tests of what waits.

    Sockets and threads do not know of it: what is 10 s of patience by this clock is a second of theirs.
    """

    def __init__(self, start: datetime = MORNING, *, pace: float = 10.0) -> None:
        self._start = start
        self._pace = pace
        self._real = SystemClock()
        self._began = self._real.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (self._real.monotonic() - self._began) * self._pace

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds / self._pace)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self._real.call_later(seconds / self._pace, call)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return self._real.timeout(None if seconds is None else seconds / self._pace)
