"""The writer's thread prunes while nothing is to be written, and whatever happens goes on writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.model import Subject, Transition
from agent.store.files import WAL_BYTES, beside, length
from agent.store.journal import Entry, Journal
from agent.store.keeping import Keeping, Limits

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def limits(max_bytes: int = 10**9) -> Limits:
    return Keeping(history=90 * DAY, notices=DAY, reports=DAY, max_bytes=max_bytes).limits(NOW)


def edge(name: str) -> Transition:
    return Transition(at=NOW, subject=Subject.LEAD, name=name, group=None, before=None, after=name)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.open()
    journal.start()
    await journal.flush()
    yield journal
    await journal.close()


def fill(path: Path, reports: int, words: int = 10) -> None:
    old = (NOW - 2 * DAY).isoformat()
    connection = sqlite3.connect(path)
    with connection:
        rows = ((old, "feed", "words " * words) for _ in range(reports))
        connection.executemany("INSERT INTO report (at, machine, body) VALUES (?, ?, ?)", rows)
    connection.close()


def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    ((found,),) = connection.execute("SELECT count(*) FROM report").fetchall()
    connection.close()
    return int(found)


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_is_old_goes_while_others_are_written(journal) -> None:
    fill(journal.path, 3000)
    journal.prune(limits())
    for number in range(50):
        journal.append(Entry((edge(str(number)),)))
        await journal.flush()
    await until(lambda: count(journal.path) == 0)
    assert len(await journal.history()) == 50


async def test_an_entry_does_not_wait_for_the_end_of_the_sweep(journal) -> None:
    fill(journal.path, 200_000)
    journal.prune(limits())
    await journal.flush()
    journal.append(Entry((edge("urgent"),)))
    await journal.flush()
    assert count(journal.path) > 0
    assert len(await journal.history()) == 1


async def test_closing_ends_a_sweep_and_the_next_run_goes_on_with_it(journal) -> None:
    fill(journal.path, 200_000)
    journal.prune(limits())
    await journal.flush()
    async with asyncio.timeout(30):
        await journal.close()
    left = count(journal.path)
    assert left > 0
    again = Journal(journal.path)
    again.open()
    again.start()
    again.prune(limits())
    await until(lambda: count(journal.path) < left)
    await again.close()


async def test_a_lock_of_another_program_ends_a_sweep_and_nothing_else(journal) -> None:
    fill(journal.path, 1000)
    holder = sqlite3.connect(journal.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    journal.prune(limits())
    await journal.flush()
    holder.execute("COMMIT")
    holder.close()
    journal.append(Entry((edge("afterwards"),)))
    await journal.flush()
    assert len(await journal.history()) == 1
    journal.prune(limits())
    await until(lambda: count(journal.path) == 0)


async def test_a_file_that_is_replaced_in_the_middle_of_a_sweep_is_seen_by_the_next_write(journal) -> None:
    fill(journal.path, 20_000)
    journal.prune(limits())
    await journal.flush()
    for one in (journal.path, beside(journal.path, "-wal"), beside(journal.path, "-shm")):
        one.unlink()
    journal.append(Entry((edge("afterwards"),)))
    await journal.flush()
    assert (await journal.history())[0]["name"] == "afterwards"


async def test_the_size_is_known_and_what_cannot_be_met_is_said_once(journal, caplog) -> None:
    fill(journal.path, 1000)
    for _ in range(2):
        journal.prune(limits(max_bytes=0))
        await until(lambda: count(journal.path) == 0)
        fill(journal.path, 10)
        await journal.flush()
    journal.prune(limits(max_bytes=0))
    await until(lambda: count(journal.path) == 0)
    await journal.flush()
    await until(lambda: "max_size" in caplog.text)
    assert caplog.text.count("max_size") == 1
    assert journal.size_bytes == length(journal.path) + length(beside(journal.path, "-wal")) > 0


async def test_the_space_of_what_went_is_free_for_others_soon_afterwards(journal) -> None:
    fill(journal.path, 8000, words=250)
    assert length(journal.path) > 10_000_000
    journal.prune(limits())
    await until(lambda: length(journal.path) < 9_000_000)


async def test_a_wal_that_grew_behind_a_long_reader_is_cut_when_the_reader_is_gone(journal) -> None:
    reader = sqlite3.connect(journal.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM value").fetchall()
    fill(journal.path, 150_000)
    wal = beside(journal.path, "-wal")
    assert length(wal) > WAL_BYTES
    reader.execute("COMMIT")
    reader.close()
    journal.prune(Keeping(history=90 * DAY, notices=DAY, reports=9 * DAY, max_bytes=10**9).limits(NOW))
    await until(lambda: length(wal) <= WAL_BYTES)
