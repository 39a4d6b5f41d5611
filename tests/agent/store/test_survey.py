"""What is said of a journal, and copies of it, while it is in use and when it is damaged."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.model import Subject, Transition
from agent.store.journal import Entry, Journal
from agent.store.migrations import STEPS
from agent.store.survey import Holding, survey, take_backup

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def edge(number: int) -> Transition:
    at = NOON + timedelta(seconds=number)
    return Transition(
        at=at,
        subject=Subject.LEAD,
        name=str(number),
        group=None,
        before=None,
        after="LIVE",
        message="m" * 100,
    )


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.open()
    journal.start()
    journal.append(Entry(tuple(edge(number) for number in range(2000)), values=(("k", "v"),)))
    await journal.flush()
    yield journal
    await journal.close()


async def test_a_journal_in_use_is_told_as_it_is(journal) -> None:
    found = survey(journal.path)
    assert (found.faults, found.schema, found.is_behind) == ((), len(STEPS), False)
    assert found.holdings["transition"] == Holding(
        2000, NOON.isoformat(), (NOON + timedelta(seconds=1999)).isoformat()
    )
    assert found.holdings["value"] == Holding(1)
    assert found.holdings["report"] == Holding(0)
    assert 0 < found.used <= found.size == journal.size_bytes


async def test_a_backup_is_one_instant_of_a_journal_that_is_written_meanwhile(journal, tmp_path) -> None:
    taking = asyncio.create_task(asyncio.to_thread(take_backup, journal.path, tmp_path / "copy"))
    number = 2000
    while not taking.done():
        journal.append(Entry((edge(number), edge(number + 1)), values=(("pairs", str(number)),)))
        await journal.flush()
        number += 2
    found = await taking
    rows = found.holdings["transition"].rows
    assert rows % 2 == 0
    assert 2000 <= rows <= number
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir() if "copy" in one.name) == ["copy"]
    again = Journal(tmp_path / "copy")
    again.open()
    assert len(await again.history(limit=10_000)) == rows


async def test_a_backup_takes_no_others_place(journal, tmp_path) -> None:
    (tmp_path / "copy").write_text("of last week")
    with pytest.raises(StoreError, match="already"):
        take_backup(journal.path, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "of last week"
    with pytest.raises(StoreError, match="cannot be made"):
        take_backup(journal.path, tmp_path / "nowhere" / "copy")


async def test_a_damaged_page_is_found_and_is_no_backup(journal, tmp_path) -> None:
    await journal.close()
    with journal.path.open("r+b") as file:
        file.seek(journal.path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)
    assert survey(journal.path).faults
    with pytest.raises(StoreError, match="damaged"):
        take_backup(journal.path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"no database at all" * 500, "not a database", id="another kind of file"),
        pytest.param(b"", "no journal of openbell", id="an empty file"),
    ],
)
def test_a_file_that_is_no_journal_is_said_and_left_as_it_is(tmp_path, content, words) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    [fault] = survey(path).faults
    assert words in fault
    assert path.read_bytes() == content


def test_a_journal_of_another_schema_is_told_and_not_changed(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(STEPS[0] + "PRAGMA user_version = 1;")
    assert survey(path).is_behind
    assert set(survey(path).holdings) == {"transition", "value"}
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    [fault] = survey(path).faults
    assert "newer openbell" in fault


def test_a_journal_that_is_not_there_is_an_error_and_none_is_made(tmp_path) -> None:
    with pytest.raises(StoreError, match="no such journal"):
        survey(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []
