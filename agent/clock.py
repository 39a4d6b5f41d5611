"""The one source of the time, and the one place that waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEP_LIMIT = timedelta(seconds=1)
"""A wall clock that departs further than this from our steady one was set, and is followed."""


class Timer(Protocol):
    """A call that has yet to come."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Tells the time and waits for it; durations are monotonic, instants are aware and UTC."""

    def now(self) -> datetime:
        """The present instant; moves with `monotonic`, so it never jumps between two readings."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, for ages and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; returns after at least `seconds`."""
        ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Have `call` called on the event loop after `seconds`, unless cancelled before."""
        ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """As `asyncio.timeout`: raises `TimeoutError` at its end when the body took longer."""
        ...


class SystemClock:
    """The machine's clock, held steady between the steps that `follow` reports.

    `start_at` moves it to another instant, from which it runs at the usual pace.
    """

    def __init__(self, start_at: datetime | None = None) -> None:
        wall = self.wall()
        self._offset = (start_at - wall) if start_at is not None else timedelta(0)
        self._anchor = wall + self._offset
        self._anchor_s = time.monotonic()
        self._asleep_s = self.asleep_s()

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=time.monotonic() - self._anchor_s)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, call)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return asyncio.timeout(seconds)

    def wall(self) -> datetime:
        """The machine's own wall clock as it stands, steps and all."""
        return datetime.now(UTC)

    def follow(self) -> timedelta:
        """Follow the machine's wall clock; returns the step, zero when it was within the limit.

        A slow drift is followed silently; a step is the caller's to act upon.
        """
        wall = self.wall() + self._offset
        step = wall - self.now()
        self._anchor, self._anchor_s = wall, time.monotonic()
        return step if abs(step) > STEP_LIMIT else timedelta(0)

    def asleep_s(self) -> float:
        """How long the machine was suspended since it was switched on; 0 where it does not say."""
        if not hasattr(time, "CLOCK_BOOTTIME"):
            return 0.0
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

    def slept(self) -> timedelta:
        """How long the machine was suspended since this was asked last."""
        before, self._asleep_s = self._asleep_s, self.asleep_s()
        slept = timedelta(seconds=self._asleep_s - before)
        return slept if slept > STEP_LIMIT else timedelta(0)
