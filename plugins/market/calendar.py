"""The pure calendar of one segment: what holds at an instant, and when that changes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

from plugins.market.phases import Phase, State, Stretch
from plugins.market.timeline import Timeline, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which calendar it is, the first and last day it covers, and when a person last checked it."""

    segment: str
    title: str
    exchange: str
    zone: tzinfo
    valid_from: date
    valid_through: date
    checked: date | None = None


class Calendar:
    """Answers for any instant, however it is written; never changes.

    An instant must carry its zone. The answers are in UTC; `None` means that the calendar does
    not reach that far.
    """

    def __init__(self, about: About, timeline: Timeline) -> None:
        self.about = about
        self._starts = timeline.starts
        self._kinds = timeline.kinds
        self._phases = timeline.phases
        self._opens, self._closes = _bells(timeline)
        self._unknown = _unknown_within(timeline)

    def phase_at(self, instant: datetime) -> Phase:
        """What holds at the instant; past the last day it is `UNKNOWN`, `OUT_OF_CALENDAR`."""
        if instant.tzinfo is None:
            raise ValueError(f"{instant.isoformat()} has no zone; give it one")
        return self._phases[self._kinds[bisect_right(self._starts, instant.timestamp()) - 1]]

    def next_change(self, instant: datetime) -> datetime | None:
        """The first later instant with another phase."""
        return _after(self._starts, instant)

    def next_open(self, instant: datetime) -> datetime | None:
        """The next bell: the first later instant at which the market goes live."""
        return _after(self._opens, instant)

    def next_close(self, instant: datetime) -> datetime | None:
        """The first later instant at which the market ceases to be live."""
        return _after(self._closes, instant)

    def live_between(self, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """When the market is live, bell to bell, for each first bell from `since` on and before `until`."""
        first, last = (bisect_left(self._opens, _seconds(instant)) for instant in (since, until))
        first, last = (bisect_left(self._opens, _seconds(instant)) for instant in (since, until))
        opens = self._opens[first:last]
        ends = (self._closes[bisect_right(self._closes, start)] for start in opens)
        return tuple((_instant(start), _instant(end)) for start, end in zip(opens, ends, strict=True))

    def next_unknown(self, instant: datetime) -> Stretch | None:
        """The present or next stretch within the covered days whose hours are not known."""
        at = bisect_right(self._starts, _seconds(instant)) - 1
        index = next((index for index in self._unknown if index >= at), None)
        return None if index is None else self._stretch(index)

    def day_of(self, instant: datetime) -> date:
        """The exchange's own date at the instant."""
        return instant.astimezone(self.about.zone).date()

    def sessions(self, day: date) -> tuple[Stretch, ...]:
        """The phases of the exchange's own on its day, in order; none when it rests."""
        return tuple(item for item in self.day(day) if item.phase.name is not None)

    def day(self, day: date) -> tuple[Stretch, ...]:
        """The exchange's day from midnight to midnight; what lasts over a midnight is cut there."""
        start = midnight(day, self.about.zone)
        end = midnight(day + timedelta(days=1), self.about.zone)
        edges = (
            start,
            *self._starts[bisect_right(self._starts, start) : bisect_left(self._starts, end)],
            end,
        )
        return tuple(self._cut(since, until) for since, until in pairwise(edges))

    def _cut(self, start: int, end: int) -> Stretch:
        kind = self._kinds[bisect_right(self._starts, start) - 1]
        return Stretch(_instant(start), _instant(end), self._phases[kind])

    def _stretch(self, index: int) -> Stretch:
        start, end = self._starts[index], self._starts[index + 1]
        return Stretch(_instant(start), _instant(end), self._phases[self._kinds[index]])


def _bells(timeline: Timeline) -> tuple[array[int], array[int]]:
    """The seconds at which the market goes live, and those at which it ceases to be."""
    live = [phase.state is State.LIVE for phase in timeline.phases]
    opens, closes, was = array("q"), array("q"), False
    for start, kind in zip(timeline.starts, timeline.kinds, strict=True):
        if live[kind] is not was:
            (closes if was else opens).append(start)
            was = live[kind]
    return opens, closes


def _unknown_within(timeline: Timeline) -> tuple[int, ...]:
    """The places of what is unknown, but for the time before the first day and after the last."""
    unknown = [phase.state is State.UNKNOWN for phase in timeline.phases]
    return tuple(place for place, kind in enumerate(timeline.kinds[1:-1], start=1) if unknown[kind])


def _after(seconds: array[int], instant: datetime) -> datetime | None:
    index = bisect_right(seconds, _seconds(instant))
    return _instant(seconds[index]) if index < len(seconds) else None


def _seconds(instant: datetime) -> float:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone; give it one")
    return instant.timestamp()


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
