"""A year's journal, 1,200,000 rows: its size, its start, its pruning, and what a commit waits meanwhile."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.errors import StoreError
from agent.model import Report, Subject, Transition
from agent.settings import format_size
from agent.store import rows
from agent.store.files import open_file, size
from agent.store.journal import Entry, Journal
from agent.store.keeping import Keeping
from agent.store.rows import Received, report_row, transition_row
from agent.store.survey import survey, take_backup

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
REPORTS = 1_000_000
TRANSITIONS = 200_000
COMMITS = 400
MEASURES = {"tick_age_s": 0.31, "ticks_per_s": 212.4, "instruments": 240.0}
ATTRIBUTES = {"instruments": [f"NSE:STOCK{number}" for number in range(20)]}
"""With them a report is as long as one of the shipped configuration is on average."""


def reports() -> Iterator[tuple[object, ...]]:
    for number in range(REPORTS):
        at = NOW - YEAR + YEAR * number / REPORTS
        report = Report(
            state="CONNECTED", reason="TICKING", observed_at=at, measures=MEASURES, attributes=ATTRIBUTES,
            message="Ticks come: the latest 0.3 s ago",
        )  # fmt: skip
        yield report_row(Received(at, "feed", report))


def transitions() -> Iterator[tuple[object, ...]]:
    for number in range(TRANSITIONS):
        yield (number + 1, *transition_row(edge(number)))


def edge(number: int) -> Transition:
    at = NOW - YEAR + YEAR * number / TRANSITIONS
    subject = (Subject.MACHINE, Subject.PROBLEM, Subject.LEAD)[number % 3]
    return Transition(
        at=at, subject=subject, name="feed", group="alpha", before="CONNECTED", after="STALE",
        reason="NO_TICKS", message="No tick of 12 of 240 instruments for 11.2 s",
    )  # fmt: skip


def make(path: Path) -> None:
    connection = open_file(path, 0.0, is_doubtful=False)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    connection.executemany(rows.INSERT_REPORT, reports())
    connection.executemany(rows.INSERT_TRANSITION, transitions())
    connection.execute("COMMIT")
    connection.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


def limits():
    """Thirty of the year's days of reports, ninety of the transitions."""
    keeping = Keeping(
        history=timedelta(days=90), notices=timedelta(days=30), reports=timedelta(days=30), max_bytes=10**9
    )
    return keeping.limits(NOW)


async def commits(journal: Journal, count: int) -> list[float]:
    """How long an entry of one transition takes to be on disk, one after the other; milliseconds."""
    taken = []
    for number in range(count):
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        journal.append(Entry((edge(number),), written=done.set_result))
        assert await done is None
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.005)
    return taken


def left(path: Path) -> int:
    connection = sqlite3.connect(path)
    ((count,),) = connection.execute("SELECT count(*) FROM report").fetchall()
    connection.close()
    return int(count)


async def pruned(path: Path) -> float:
    """Seconds until nothing old is left, with nobody writing."""
    journal = Journal(path)
    journal.open()
    journal.start()
    began = time.perf_counter()
    journal.prune(limits())
    await journal.flush()
    while journal._writer._upkeep.is_under_way:
        await asyncio.sleep(0.1)
    taken = time.perf_counter() - began
    await journal.close()
    return taken


async def waits(path: Path) -> tuple[list[float], list[float]]:
    """Commits at rest, and while a sweep of all is under way."""
    journal = Journal(path)
    journal.open()
    journal.start()
    await asyncio.sleep(15)  # the first look through the whole file is over
    alone = await commits(journal, COMMITS)
    journal.prune(limits())
    beside = await commits(journal, COMMITS)
    assert left(path) > REPORTS // 10
    await journal.close()
    return alone, beside


def timed(what):
    began = time.perf_counter()
    found = what()
    return time.perf_counter() - began, found


def told(name: str, taken: list[float]) -> None:
    taken = sorted(taken)
    last = taken[int(len(taken) * 0.99)]
    print(
        f"  {name:<40} median {statistics.median(taken):6.2f} ms"
        f"   99 of 100 below {last:6.2f} ms   longest {taken[-1]:.1f} ms"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        make(path)
        print(f"{REPORTS:,} reports and {TRANSITIONS:,} transitions: {format_size(size(path))}")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"  opened as a start does                   {timed(Journal(path).open)[0] * 1000:6.1f} ms")
        empty = Journal(Path(folder) / "empty.sqlite")
        empty.open()
        print(f"  an empty one                             {timed(empty.open)[0] * 1000:6.1f} ms")
        print(f"  db check                                 {timed(lambda: survey(path))[0]:6.1f} s")
        copy = Path(folder) / "copy.sqlite"
        print(
            f"  db backup, read through                  {timed(lambda: take_backup(path, copy))[0]:6.1f} s"
        )
        alone, beside = asyncio.run(waits(path))
        told("a commit at rest", alone)
        told("a commit while it is pruned", beside)
        path.unlink()
        copy.rename(path)
        print(f"  pruned to its limits, in the background  {asyncio.run(pruned(path)):6.1f} s")
        state = survey(path).faults or "sound"
        print(f"  then                                     {format_size(size(path))}, {state}")
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        print(f"  memory at its most, beyond the making    {more / 1024:6.1f} MiB")
        plain = asyncio.run(at_once(path))
        print(f"  one DELETE of a month of reports holds   {plain:6.0f} ms")


async def at_once(path: Path) -> float:
    """Beside it: what a commit would wait for a single statement, synced."""
    connection = open_file(path, 0.0, is_doubtful=False)
    began = time.perf_counter()
    connection.execute("DELETE FROM report")
    taken = (time.perf_counter() - began) * 1000
    connection.close()
    return taken


if __name__ == "__main__":
    main()
