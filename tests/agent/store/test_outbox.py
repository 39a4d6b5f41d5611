"""The outbox in a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter, LetterState
from agent.errors import StoreError
from agent.model import Notice, NoticeReason, NoticeType, Receipt, Severity, Subject, Transition
from agent.store.journal import Entry, Journal
from agent.store.migrations import STEPS

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def letters(*ids: str, after: int = 0) -> tuple[Letter, ...]:
    found: list[Letter] = []
    for seq, id_ in enumerate(ids, start=after):
        notice = Notice(
            id=id_,
            type=NoticeType.PROBLEM,
            reason=NoticeReason.FIRST,
            code="FEED_STALE",
            severity=Severity.CRITICAL,
            message="Words",
            since=NOON,
            created_at=NOON,
            agent="desk",
        )
        found += post.write(
            notice, [Address(notifier="desk", recipient="a@example.com")], after=seq, now=NOON
        )
    return tuple(found)


@pytest.fixture
async def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    journal.open()
    journal.start()
    yield journal
    await journal.close()


async def written(journal: Journal, *entries: Entry) -> StoreError | None:
    done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
    for entry in entries[:-1]:
        journal.append(entry)
    journal.append(replace(entries[-1], written=done.set_result))
    return await asyncio.wait_for(done, 10)


def reopened(journal: Journal) -> Journal:
    again = Journal(journal.path)
    again.open()
    return again


async def test_what_waits_is_taken_up_in_its_order_by_the_next_run(journal) -> None:
    kept = letters("a", "b", "c")
    await written(journal, Entry(letters=kept))
    await written(journal, Entry(letters=(post.claim(kept[1]),)))
    await written(journal, Entry(letters=(post.deliver(kept[0], Receipt(status="200"), NOON),)))
    again = reopened(journal)
    assert again.take_waiting() == [post.claim(kept[1]), kept[2]]
    assert again.take_waiting() == []
    assert again.last_letter == 3


async def test_a_letter_and_its_transition_are_on_disk_together_or_not_at_all(journal) -> None:
    edge = Transition(at=NOON, subject=Subject.LEAD, name="LIVE", group=None, before=None, after="LIVE")
    bad = replace(letters("a")[0], body=None)  # type: ignore[arg-type]
    assert await written(journal, Entry((edge,), letters=(bad,))) is not None
    assert await journal.history() == []
    assert await journal.letters() == []
    assert await written(journal, Entry((edge,), letters=letters("a"))) is None
    assert (len(await journal.history()), len(await journal.letters())) == (1, 1)


async def test_letters_are_listed_newest_first_by_page_and_by_state(journal) -> None:
    kept = letters("a", "b", "c", "d")
    await written(journal, Entry(letters=kept), Entry(letters=(post.bury(kept[1], "410", NOON),)))
    first = await journal.letters(limit=2)
    second = await journal.letters(limit=2, before=first[-1].seq)
    assert [one.notice for one in (*first, *second)] == ["d", "c", "b", "a"]
    [dead] = await journal.letters(state=LetterState.DEAD)
    assert (dead.notice, dead.last_error, dead.ended_at) == ("b", "410", NOON)
    assert await journal.letter(dead.id) == dead
    assert await journal.letter("none") is None


async def test_a_row_that_cannot_be_read_costs_itself_alone(journal) -> None:
    await written(journal, Entry(letters=letters("a", "b")))
    connection = sqlite3.connect(journal.path)
    connection.execute("UPDATE outbox SET next_at = 'the day after', attempts = -1 WHERE notice = 'a'")
    connection.commit()
    assert [one.notice for one in reopened(journal).take_waiting()] == ["b"]
    assert [one.notice for one in await journal.letters()] == ["b"]
    row = connection.execute("SELECT state, last_error FROM outbox WHERE notice = 'a'").fetchone()
    connection.close()
    assert row[0] == "dead"
    assert "cannot be read" in row[1]


async def test_a_journal_of_the_first_schema_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(STEPS[0])
    connection.execute("INSERT INTO value VALUES ('k', 'v')")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    journal = Journal(path)
    journal.open()
    assert (journal.value("k"), journal.take_waiting(), journal.last_letter) == ("v", [], 0)


async def test_the_recipient_is_no_part_of_the_id(journal) -> None:
    [letter] = letters("a")
    assert letter.id.startswith("a.desk.")
    assert "example" not in letter.id
    assert letter.expires_at == NOON + timedelta(hours=24)
