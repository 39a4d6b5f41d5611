"""When the simulated exchange trades, and when the broker flushes its tokens.

Deliberately simpler than the truth: every weekday is a session and no holiday is known. What an
agent believes of the calendar is its own affair; this side only has to be consistent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from agent.simulator.instruments import Segment

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
"""India has kept this offset, without summer time, since 1945."""

IST_OFFSET: Final = 19_800
DAY: Final = 86_400
FLUSH_HOUR: Final = 6

OPEN: Final = 9 * 3600
"""Seconds from midnight in India; every segment starts with the pre-open of the equities."""

_CLOSE: Final = 15 * 3600 + 1800
_CLOSES: Final = {
    Segment.CDS: 17 * 3600,
    Segment.BCD: 17 * 3600,
    Segment.MCX: 23 * 3600 + 1800,
    Segment.MCXSX: 23 * 3600 + 1800,
    Segment.NCO: 23 * 3600 + 1800,
}


def close_of_day(segment: int) -> int:
    """Seconds from midnight in India to the end of the segment's session."""
    return _CLOSES.get(segment, _CLOSE)  # type: ignore[call-overload, no-any-return]


def is_open(segment: int, second: int) -> bool:
    """Whether the segment trades at this Unix second: from 09:00 on weekdays, its end excluded."""
    day, of_day = divmod(second + IST_OFFSET, DAY)
    return is_weekday(day) and OPEN <= of_day < close_of_day(segment)


def last_traded(segment: int, second: int) -> int:
    """The latest Unix second, `second` itself at most, at which the segment traded."""
    if is_open(segment, second):
        return second
    day, of_day = divmod(second + IST_OFFSET, DAY)
    if of_day < OPEN or not is_weekday(day):
        day = weekday_before(day)
    return day * DAY + close_of_day(segment) - IST_OFFSET


def is_weekday(day: int) -> bool:
    """`day` counts from 1970-01-01, which was a Thursday."""
    return (day + 3) % 7 < 5


def weekday_before(day: int) -> int:
    day -= 1
    while not is_weekday(day):
        day -= 1
    return day


def flush_after(issued: datetime) -> datetime:
    """When a token issued then is flushed: the next 06:00 in India."""
    local = issued.astimezone(IST)
    flush = local.replace(hour=FLUSH_HOUR, minute=0, second=0, microsecond=0)
    return flush if local < flush else flush + timedelta(days=1)


def running_clock(start_at: datetime | None = None) -> Callable[[], datetime]:
    """The machine's clock, or one that starts at another instant and runs at the usual pace."""
    offset = start_at - datetime.now(UTC) if start_at is not None else timedelta(0)

    def now() -> datetime:
        return datetime.now(UTC) + offset

    return now
