"""The journal on a real file."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import StoreError
from agent.model import Incident, Severity, Subject, Transition
from agent.store.journal import Entry, Journal
from agent.store.migrations import STEPS

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def edge(name: str) -> Transition:
    return Transition(
        at=NOON, subject=Subject.LEAD, name=name, group=None, before="LIVE", after=name, message="words"
    )


@pytest.fixture
async def journal(tmp_path):
    journal = Journal(tmp_path / "data" / "journal.sqlite")
    journal.open()
    journal.start()
    yield journal
    await journal.close()


async def written(journal: Journal, entry: Entry) -> StoreError | None:
    done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
    journal.append(replace(entry, written=done.set_result))
    return await asyncio.wait_for(done, 10)


async def test_what_was_written_is_read_back_newest_first(journal) -> None:
    assert await written(journal, Entry((edge("A"), edge("B")), (("k", "1"),))) is None
    rows = await journal.history(limit=10)
    assert [row["name"] for row in rows] == ["B", "A"]
    assert (rows[0]["at"], rows[0]["before"], rows[0]["subject"]) == (NOON, "LIVE", "lead")


async def test_one_that_waits_no_longer_disturbs_nobody(journal) -> None:
    loop, troubles = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))
    waiting = asyncio.create_task(journal.flush())
    await asyncio.sleep(0)
    waiting.cancel()
    await journal.flush()
    assert (waiting.cancelled(), troubles) == (True, [])


async def test_history_is_paged_by_the_id_of_the_last_row(journal) -> None:
    await written(journal, Entry(tuple(edge(str(n)) for n in range(5))))
    first = await journal.history(limit=2)
    second = await journal.history(limit=2, before=first[-1]["id"])
    assert [row["name"] for row in (*first, *second)] == ["4", "3", "2", "1"]


async def test_values_replace_former_ones_and_outlive_the_process(journal, tmp_path) -> None:
    journal.append(Entry(values=(("k", "old"), ("other", "x"))))
    await written(journal, Entry(values=(("k", "new"),)))
    assert journal.value("k") == "new"
    again = Journal(journal.path)
    again.open()
    assert (again.value("k"), again.value("other"), again.value("none")) == ("new", "x", None)


async def test_closing_writes_what_still_waits(tmp_path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.open()
    journal.start()
    for number in range(500):
        journal.append(Entry((edge(str(number)),)))
    await journal.close()
    assert len(await journal.history(limit=1000)) == 500


async def test_the_file_is_private_and_synced_in_full(journal) -> None:
    await written(journal, Entry((edge("A"),)))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    connection = sqlite3.connect(journal.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_what_cannot_be_written_is_said_and_written_afterwards(journal) -> None:
    await written(journal, Entry((edge("A"),)))
    blocker = sqlite3.connect(journal.path, isolation_level=None)
    blocker.execute("DROP TABLE transition")
    error = await written(journal, Entry((edge("B"),)))
    assert error is not None
    assert "journal.sqlite" in str(error)
    blocker.execute(STEPS[0].split(";")[0])
    blocker.execute(STEPS[1].split(";")[0])
    blocker.close()
    assert await written(journal, Entry((edge("C"),))) is None
    assert [row["name"] for row in await journal.history(limit=9)] == ["C", "B"]


def test_a_newer_journal_is_refused_and_left_as_it_is(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer openbell"):
        Journal(path).open()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_a_folder_in_the_way_is_named(tmp_path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreError, match="data"):
        Journal(tmp_path / "data" / "journal.sqlite").open()


async def test_an_incident_is_kept_with_its_timeline(journal) -> None:
    incident = Incident(id="i-1", opened_at=NOON, code="FEED_STALE", severity=Severity.CRITICAL, message="m")
    await written(journal, Entry((replace(edge("A"), incident="i-1"), edge("B")), incidents=(incident,)))
    closed = replace(incident, closed_at=NOON + timedelta(minutes=3))
    await written(journal, Entry((replace(edge("C"), incident="i-1"),), incidents=(closed,)))
    assert await journal.incidents() == [closed]
    found, timeline = await journal.incident("i-1")
    assert found == closed
    assert [row["name"] for row in timeline] == ["A", "C"]
    assert await journal.incident("none") is None


async def test_incidents_are_paged_by_the_instant_they_opened(journal) -> None:
    many = tuple(
        Incident(id=str(n), opened_at=NOON + timedelta(minutes=n), severity=Severity.WARNING)
        for n in range(5)
    )
    await written(journal, Entry(incidents=many))
    first = await journal.incidents(limit=2)
    second = await journal.incidents(limit=2, before=first[-1].opened_at)
    assert [one.id for one in (*first, *second)] == ["4", "3", "2", "1"]


async def test_a_journal_of_the_first_schema_is_brought_forward_with_what_it_has(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(STEPS[0])
    connection.execute("INSERT INTO value VALUES ('k', 'kept')")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    journal = Journal(path)
    journal.open()
    assert journal.value("k") == "kept"
    assert await journal.incidents() == []
