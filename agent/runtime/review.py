"""Looks back: gathers from journal and calendar what is known of a feed, and has it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from agent.errors import ActionError
from agent.health.availability import Count, Period, count
from agent.health.rules import ANY, MARKET, Ruleset, members
from agent.health.sight import Awake, Line, Record, States
from agent.model import UNKNOWN, Machine, Session
from agent.runtime.machines import Machines
from agent.store.awake import LONGEST_PAUSE
from agent.store.journal import Door

FEED, AUTH = "feed", "auth"
GOOD = {FEED: frozenset({"CONNECTED"}), AUTH: frozenset({"VALID"})}
"""What counts as well where `[readiness]` asks nothing of the role."""

DAY = timedelta(days=1)
MARGIN = DAY
"""An exchange's day begins up to so much before or after that of UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked: of one feed, from the first day through the last, by day or month."""

    machine: str
    first: date
    last: date
    by: Period
    response: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What came of it, and of which market."""

    market: str
    known_since: datetime | None
    rows: Mapping[str, Count]


class Reviewing:
    """Reviews of one agent; reads in the store's threads and counts in one of its own."""

    def __init__(self, ruleset: Ruleset, machines: Machines, journal: Door) -> None:
        self._known = {machine.name: machine for machine in ruleset.machines}
        self._ruleset = ruleset
        self._machines = machines
        self._journal = journal

    @property
    def feeds(self) -> tuple[str, ...]:
        """The machines that can be looked back at, in the order of the configuration."""
        return tuple(name for name, machine in self._known.items() if machine.role == FEED)

    async def review(self, wish: Wish, now: datetime) -> Review:
        """Count. Raises `ActionError` where no calendar tells the sessions, and `StoreError`."""
        feed = self._known[wish.machine]
        market = self._market_of(feed)
        sessions = await self._sessions(market, wish, now)
        await self._journal.flush()
        known_since = await self._journal.known_since()
        rows: dict[str, Count] = {}
        if known_since is not None:
            for _, month in groupby(sessions, key=lambda session: (session.day.year, session.day.month)):
                rows |= await self._counted(feed, list(month), wish, known_since, now)
        return Review(market=market, known_since=known_since, rows=rows)

    async def _counted(
        self, feed: Machine, sessions: Sequence[Session], wish: Wish, known_since: datetime, now: datetime
    ) -> dict[str, Count]:
        """The rows of one month: a year at once would be felt by the event loop."""
        gather = await self._gathered(feed, sessions, known_since, now)

        def counted() -> dict[str, Count]:
            return count(sessions, gather(), wish.by, response=wish.response, now=now)

        return await asyncio.to_thread(counted)

    async def runs(self, since: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
        """When the agent ran since then, this run until now. Raises `StoreError`."""
        return _until_now(await self._journal.awake(since, now + DAY), now)

    def _market_of(self, feed: Machine) -> str:
        found = members(MARKET, feed.group, self._ruleset.machines)
        if not found:
            raise ActionError(f"{feed.name} has no market, so there is no market time to count")
        return found[0]

    async def _sessions(self, market: str, wish: Wish, now: datetime) -> Sequence[Session]:
        since = datetime.combine(wish.first, time(), UTC) - MARGIN
        until = min(datetime.combine(wish.last, time(), UTC) + DAY + MARGIN, now)
        found = await self._machines.sessions(market, since, until) if since < until else ()
        return [session for session in found if wish.first <= session.day <= wish.last]

    async def _gathered(
        self, feed: Machine, sessions: Sequence[Session], known_since: datetime, now: datetime
    ) -> Callable[[], Record]:
        """What the journal has of the sessions; to put it in order is work for a thread."""
        since, until = sessions[0].opens_at, min(sessions[-1].closes_at, now)
        journal = self._journal
        logins = members(AUTH, feed.group, self._ruleset.machines)
        awake = await journal.awake(since, until)
        states = await journal.states(feed.name, since, until)
        states_of_logins = [await journal.states(name, since, until) for name in logins]
        minded = await journal.minded(since, until)

        def put_in_order() -> Record:
            return Record(
                known_since=known_since,
                feed=Line(states),
                logins=tuple(map(Line, states_of_logins)),
                awake=Awake(_until_now(awake, now)),
                sees=self._wanted(FEED),
                is_logged_in=self._wanted(AUTH),
                minded=minded,
            )

        return put_in_order

    def _wanted(self, role: str) -> States:
        """What `[readiness]` wants of a role; `UNKNOWN` is never it."""
        match = dict(self._ruleset.readiness).get(role)
        if match is None:
            return GOOD[role].__contains__
        if match.unwanted or ANY in match.wanted:
            return lambda state: state not in match.unwanted and state != UNKNOWN
        return match.wanted.__contains__


def _until_now(awake: Sequence[tuple[datetime, datetime]], now: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches, the last one until now where it is the present run's: it was written seconds ago."""
    if not awake or not timedelta(0) <= now - awake[-1][1] <= LONGEST_PAUSE:
        return list(awake)
    return [*awake[:-1], (awake[-1][0], now)]
