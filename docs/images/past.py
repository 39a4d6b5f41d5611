"""A desk's past that never was: some weeks of mornings, stalls, late logins and a day without its agent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.model import Acknowledgement, Incident, Report, Severity, Subject, Transition
from agent.store.journal import Entry, Journal
from agent.store.rows import Received

MINUTE = timedelta(minutes=1)
PACE = timedelta(seconds=59)


def write_past(folder: Path, last_open: datetime, days: int) -> None:
    """Fill the journal of a data folder with so many days before the session that opens then."""
    asyncio.run(_write(folder / "journal.sqlite", last_open.astimezone(UTC), days))


async def _write(path: Path, last_open: datetime, days: int) -> None:
    for back in range(days, 0, -1):
        opens = last_open - timedelta(days=back)
        if opens.weekday() < 5:
            await _run(path, list(_day(opens, random.Random(back))))  # one run of the agent a day


async def _run(path: Path, entries: list[Entry]) -> None:
    journal = Journal(path)
    journal.open()
    journal.start()
    for entry in sorted(entries, key=lambda entry: next(entry.instants)):
        journal.append(entry)
    await journal.close()


def _day(opens: datetime, chance: random.Random) -> Iterator[Entry]:
    """What is written of one day; the agent of every ninth or so begins late."""
    starts = opens + (chance.randint(20, 70) * MINUTE if chance.random() < 0.1 else -40 * MINUTE)
    closes = opens + 375 * MINUTE
    login = opens + (chance.randint(3, 15) if chance.random() < 0.15 else -chance.randint(10, 30)) * MINUTE
    login = max(login, starts + MINUTE)
    yield from _pulse(starts, closes + 20 * MINUTE)
    yield from _states("auth", starts, (None, "UNKNOWN"), ("UNKNOWN", "REQUIRED"))
    yield from _states("feed", starts, (None, "UNKNOWN"), ("UNKNOWN", "DISCONNECTED"))
    yield from _states("auth", login, ("REQUIRED", "VALID"))
    yield from _states("feed", login + timedelta(seconds=2), ("DISCONNECTED", "CONNECTED"))
    if login > opens:
        yield _incident("AUTH_REQUIRED", "The broker wants a login", max(opens, starts), login)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        began = opens + chance.uniform(20, 370) * MINUTE
        ended = began + chance.uniform(0.3, 6) * MINUTE
        yield from _states("feed", began, ("CONNECTED", "STALE"))
        yield from _states("feed", ended, ("STALE", "CONNECTED"))
        yield _incident("FEED_STALE", "No tick for 10 s", began, ended)


def _pulse(start: datetime, end: datetime) -> Iterator[Entry]:
    at = start
    while at < end:
        yield Entry(reports=(Received(at, "agent", Report(state="OK", reason="WELL", observed_at=at)),))
        at += PACE


def _states(name: str, at: datetime, *edges: tuple[str | None, str]) -> Iterator[Entry]:
    for before, after in edges:
        edge = Transition(at=at, subject=Subject.MACHINE, name=name, group=None, before=before, after=after)
        yield Entry(transitions=(edge,))


def _incident(code: str, message: str, opened: datetime, closed: datetime) -> Entry:
    id_ = f"{code.lower()}-{opened:%Y%m%d%H%M%S}"
    word = Acknowledgement(who="asha", why="calling the broker", at=opened + (closed - opened) / 2)
    long = closed - opened > 5 * MINUTE
    incident = Incident(
        id=id_,
        opened_at=opened,
        closed_at=closed,
        code=code,
        severity=Severity.CRITICAL,
        message=message,
        acknowledged=word if long else None,
    )
    stages = [(opened, None, "open", message), (closed, "open", "closed", message)]
    if long:
        stages.insert(1, (word.at, "open", "acknowledged", f"{word.who}: {word.why}"))
    edges = [
        Transition(
            at=at,
            subject=Subject.INCIDENT,
            name=id_,
            group=None,
            before=before,
            after=after,
            reason=code,
            message=said,
            incident=id_,
        )
        for at, before, after, said in stages
    ]
    return Entry(transitions=tuple(edges), incidents=(incident,))
