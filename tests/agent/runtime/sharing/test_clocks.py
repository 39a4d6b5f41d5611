"""This machine's clock beside a real database's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.runtime.sharing.clocks import EVERY_S, Clocks

NEAR = timedelta(seconds=1)


class Moved(SystemClock):
    """As it would stand later, and after it has drifted or was set."""

    later_s = 0.0
    off = timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + timedelta(seconds=self.later_s) + self.off

    def monotonic(self) -> float:
        return super().monotonic() + self.later_s


@pytest.mark.parametrize("off", [timedelta(minutes=-5), timedelta(0), timedelta(hours=1)])
async def test_the_difference_has_a_sign_and_a_size(connections: Any, off: timedelta) -> None:
    clock = Moved()
    clock.off = off
    clocks = Clocks(clock)
    await clocks.follow(await connections())
    assert abs(clocks.offset - off) < NEAR


async def test_a_drift_is_seen_a_minute_later_and_a_clock_that_was_set_at_once(connections: Any) -> None:
    connection, clock = await connections(), Moved()
    clocks = Clocks(clock)
    await clocks.follow(connection)
    at_first = clocks.offset
    clock.off = timedelta(seconds=0.5)
    await clocks.follow(connection)
    assert clocks.offset == at_first
    clock.off = timedelta(seconds=30)
    await clocks.follow(connection)
    assert abs(clocks.offset - clock.off) < NEAR
    clock.off -= timedelta(seconds=0.5)
    former = clocks.offset
    clock.later_s = EVERY_S
    await clocks.follow(connection)
    assert clocks.offset != former


async def test_a_machine_that_sleeps_between_question_and_answer_asks_again(connections: Any) -> None:
    class Sleepy(Moved):
        readings = 0

        def wall(self) -> datetime:
            self.readings += 1
            return super().wall() + (timedelta(0) if self.readings < 4 else timedelta(minutes=10))

    connection, clock = await connections(), Sleepy()
    clocks = Clocks(clock)
    clock.readings = 2  # the next reading is before the sleep
    await clocks.follow(connection)
    assert (clocks.offset, clocks.trouble) == (timedelta(0), None)
    await clocks.follow(connection)
    assert abs(clocks.offset - timedelta(minutes=10)) < NEAR


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(seconds=55), None),
        (timedelta(seconds=-55), None),
        (timedelta(seconds=130), "this machine's clock is 2m10s ahead of the database's; have both follow"),
        (timedelta(seconds=-130), "this machine's clock is 2m10s behind the database's; have both follow"),
    ],
)
def test_what_is_amiss_is_said_beyond_a_minute(off: timedelta, said: str | None) -> None:
    clocks = Clocks(SystemClock())
    clocks.offset = off
    assert (clocks.trouble is None) if said is None else (said in str(clocks.trouble))


@pytest.mark.parametrize(("by_ms", "is_news"), [(99, False), (-99, False), (100, True), (-100, True)])
def test_a_small_move_is_no_news(by_ms: int, is_news: bool) -> None:
    clocks = Clocks(SystemClock())
    clocks.offset = timedelta(seconds=2)
    assert clocks.is_news(clocks.offset - timedelta(milliseconds=by_ms)) is is_news
