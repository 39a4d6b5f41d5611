"""What is timed: one job an interval, one wake-up for the evaluation; alone in knowing APScheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.clock import Clock

SLOT = timedelta(milliseconds=50)
"""The probes of one interval are spread over it in steps of this length."""

_WAKE = "evaluation"

_WAKES = 2
"""The evaluation arms its own next wake-up, and APScheduler counts it as running until a moment after its
end: with one instance, what is due by then would be skipped for good. It waits for nothing, so no two run
at once all the same.
"""


class WallClock(Clock, Protocol):
    """A clock that also knows what APScheduler goes by: the machine's wall clock."""

    def wall(self) -> datetime: ...


class Scheduling:
    """Runs calls at intervals, and one call at the evaluation's next instant.

    APScheduler waits by the machine's wall clock. After a step of it, `rearm` must be called.
    Its jobs are coroutines: anything else it would run in a thread of its own.
    """

    def __init__(self, clock: WallClock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._wake_at: datetime | None = None
        self._groups: dict[timedelta, list[Callable[[], None]]] = {}
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def every(self, interval: timedelta, call: Callable[[], None]) -> None:
        """Have `call` called once an interval, from one interval on; its place in it is its own."""
        group = self._groups.setdefault(interval, [])
        group.append(call)
        if len(group) == 1:
            self._add_interval(interval)

    def forget(self, interval: timedelta, call: Callable[[], None]) -> None:
        """No longer call what `every` was given."""
        group = self._groups[interval]
        group.remove(call)
        if not group:
            del self._groups[interval]
            self._scheduler.remove_job(f"every {interval}")

    def wake_at(self, instant: datetime | None) -> None:
        """Arm the evaluation's wake-up in place of the former one; `None` disarms it."""
        if instant == self._wake_at:
            return
        self._wake_at = instant
        if instant is None:
            if self._scheduler.get_job(_WAKE):
                self._scheduler.remove_job(_WAKE)
            return
        run_at = self._clock.wall() + (instant - self._clock.now())
        self._scheduler.add_job(
            self._woken, "date", run_date=run_at, id=_WAKE, replace_existing=True, max_instances=_WAKES
        )

    def rearm(self) -> None:
        """Arm everything anew, as after a step of the wall clock."""
        instant, self._wake_at = self._wake_at, None
        self.wake_at(instant)
        for interval in self._groups:
            self._add_interval(interval)

    async def _woken(self) -> None:
        self._wake_at = None
        self._wake()

    def _add_interval(self, interval: timedelta) -> None:
        self._scheduler.add_job(
            self._spread,
            "interval",
            seconds=interval.total_seconds(),
            args=(interval,),
            id=f"every {interval}",
            replace_existing=True,
        )

    async def _spread(self, interval: timedelta) -> None:
        """Call the interval's calls, slot by slot, evenly over the interval."""
        calls = self._groups.get(interval, [])
        slots = max(1, int(interval / SLOT))
        for place, call in enumerate(calls):
            slot = place * slots // len(calls)
            self._clock.call_later(slot * SLOT.total_seconds(), call)
