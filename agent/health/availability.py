"""Availability: market time counted by what was seen of it, by day or by month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby

from agent.health.sight import Record, Sight, Stretch, look
from agent.model import Session

ZERO = timedelta(0)


class Period(StrEnum):
    """What a row is of."""

    DAY = "day"
    MONTH = "month"

    def name_of(self, day: date) -> str:
        return day.isoformat() if self is Period.DAY else f"{day:%Y-%m}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Market time and what was seen of it: `seen`, `login`, `feed`, `unknown`, `away` make it up.

    An outage is a run of blind time within a session. It is `healed` if the feed came back without a
    person, and has then `saved` the time that a person would have needed longer. A login is late
    that is missing when the day's first session opens, `late` for so long.
    """

    sessions: int = 0
    open: timedelta = ZERO
    seen: timedelta = ZERO
    login: timedelta = ZERO
    feed: timedelta = ZERO
    unknown: timedelta = ZERO
    away: timedelta = ZERO
    outages: int = 0
    healed: int = 0
    saved: timedelta = ZERO
    late_logins: int = 0
    late: timedelta = ZERO

    def __add__(self, other: Count) -> Count:
        return Count(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    @property
    def blind(self) -> timedelta:
        return self.open - self.seen

    @property
    def availability(self) -> float | None:
        """The part of the market time that was seen; `None` of no market time."""
        return self.seen / self.open if self.open else None


def count(
    sessions: Iterable[Session], record: Record, by: Period, *, response: timedelta, now: datetime
) -> dict[str, Count]:
    """A count for each period with market time, in order; `response` is what a person would need."""
    found: dict[str, Count] = {}
    for day, of_day in groupby(sessions, key=lambda session: session.day):
        told = [
            _session(session, record, is_first=number == 0, response=response, now=now)
            for number, session in enumerate(of_day)
        ]
        whole = sum(told, Count())
        if whole.open:
            period = by.name_of(day)
            found[period] = found.get(period, Count()) + whole
    return found


def _session(
    session: Session, record: Record, *, is_first: bool, response: timedelta, now: datetime
) -> Count:
    stretches = look(session, record, now)
    if not stretches:
        return Count()
    end = stretches[-1].end
    lengths = {
        sight.value: sum((one.length for one in stretches if one.sight is sight), ZERO) for sight in Sight
    }
    outages = list(_outages(stretches))
    healed = [outage for outage in outages if outage[-1].end < end and _heals(outage, record)]
    late = _lateness(session, record, end) if is_first else None
    return Count(
        sessions=1,
        open=end - stretches[0].start,
        outages=len(outages),
        healed=len(healed),
        saved=sum((_saved(outage, session, response) for outage in healed), ZERO),
        late_logins=int(late is not None),
        late=late or ZERO,
        **lengths,
    )


def _outages(stretches: Iterable[Stretch]) -> Iterator[Sequence[Stretch]]:
    """The runs of blind stretches."""
    for is_blind, run in groupby(stretches, key=lambda one: one.sight is not Sight.SEEN):
        if is_blind:
            yield tuple(run)


def _heals(outage: Sequence[Stretch], record: Record) -> bool:
    """Whether it ended without a person: no login was missing, nobody was away, nobody took it on."""
    by_itself = all(one.sight in (Sight.FEED, Sight.UNKNOWN) for one in outage)
    return by_itself and not any(outage[0].start <= at <= outage[-1].end for at in record.minded)


def _saved(outage: Sequence[Stretch], session: Session, response: timedelta) -> timedelta:
    """The market time that would have been blind until a person had come."""
    mended = min(outage[0].start + response, session.closes_at)
    return max(ZERO, mended - outage[-1].end)


def _lateness(session: Session, record: Record, end: datetime) -> timedelta | None:
    """How long after the bell the login came; `None` where it was there in time, or nobody looked."""
    start = session.opens_at
    if not record.awake.at(start) or not record.lacks_login(start):
        return None
    changes = sorted(at for line in record.logins for at in line.within(start, end))
    came = next((at for at in changes if not record.lacks_login(at)), end)
    return came - start
