"""What a desk saw of a session: its time, cut wherever something changed, each piece seen or blind."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from agent.model import UNKNOWN, Session

States = Callable[[str], bool]
"""Whether a state is one that is wanted."""


class Sight(StrEnum):
    """How it stood with a piece of market time: seen, or blind and for which reason."""

    SEEN = "seen"
    LOGIN = "login"
    FEED = "feed"
    UNKNOWN = "unknown"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a session in which nothing changed."""

    start: datetime
    end: datetime
    sight: Sight

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Line:
    """A machine's states one after the other, each from its instant on; sorts what it is given."""

    def __init__(self, edges: Iterable[tuple[datetime, str]]) -> None:
        ordered = sorted(edges, key=lambda edge: edge[0])
        self._starts = [at for at, _ in ordered]
        self._states = [state for _, state in ordered]

    def at(self, instant: datetime) -> str:
        """The state that holds at an instant; `UNKNOWN` before the first."""
        place = bisect_right(self._starts, instant) - 1
        return self._states[place] if place >= 0 else UNKNOWN

    def within(self, start: datetime, end: datetime) -> Sequence[datetime]:
        """The instants of change from `start` on, before `end`."""
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]


class Awake:
    """When the agent ran; stretches that overlap or touch are one."""

    def __init__(self, stretches: Iterable[tuple[datetime, datetime]]) -> None:
        whole: list[tuple[datetime, datetime]] = []
        for start, end in sorted(one for one in stretches if one[0] < one[1]):
            if whole and start <= whole[-1][1]:
                whole[-1] = (whole[-1][0], max(whole[-1][1], end))
            else:
                whole.append((start, end))
        self._bounds = [instant for one in whole for instant in one]

    def at(self, instant: datetime) -> bool:
        return bisect_right(self._bounds, instant) % 2 == 1

    def within(self, start: datetime, end: datetime) -> Sequence[datetime]:
        return self._bounds[bisect_left(self._bounds, start) : bisect_left(self._bounds, end)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is known of one feed: its states, those of the logins it needs, when the agent ran.

    `minded` are the instants at which a person took a matter on. Of the time before `known_since`,
    when the agent first ran, nothing can be said.
    """

    known_since: datetime
    feed: Line
    logins: tuple[Line, ...]
    awake: Awake
    sees: States
    is_logged_in: States
    minded: Sequence[datetime] = ()

    def sight(self, instant: datetime) -> Sight:
        """How it stood at an instant: a missing login comes before the feed that it keeps down."""
        if not self.awake.at(instant):
            return Sight.AWAY
        state = self.feed.at(instant)
        if self.sees(state):
            return Sight.SEEN
        if self.lacks_login(instant):
            return Sight.LOGIN
        return Sight.UNKNOWN if state == UNKNOWN else Sight.FEED

    def lacks_login(self, instant: datetime) -> bool:
        """Whether a login is known to be missing."""
        states = [line.at(instant) for line in self.logins]
        return any(state != UNKNOWN and not self.is_logged_in(state) for state in states)

    def changes(self, start: datetime, end: datetime) -> Iterator[datetime]:
        yield from self.awake.within(start, end)
        for line in (self.feed, *self.logins):
            yield from line.within(start, end)


def look(session: Session, record: Record, now: datetime) -> list[Stretch]:
    """The session until `now`, from when the agent first ran: no second of it left out or told twice."""
    start, end = max(session.opens_at, record.known_since), min(session.closes_at, now)
    if start >= end:
        return []
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    cuts = sorted({start, end, *record.changes(start, end)})
    return list(_merged(Stretch(since, until, record.sight(since)) for since, until in pairwise(cuts)))


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Neighbours of the same sight as one."""
    last: Stretch | None = None
    for one in stretches:
        if last is not None and last.sight is one.sight:
            last = Stretch(last.start, one.end, one.sight)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
