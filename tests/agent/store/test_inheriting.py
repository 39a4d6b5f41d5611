"""A journal goes on from what the shared store knows, in place of what its own former run left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.alerts.letters import Address, Letter, LetterState, write
from agent.alerts.notices import trial
from agent.model import Incident, Severity
from agent.store.journal import Entry, Journal

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
PHONE = Address(notifier="phone")


def letter(id_: str, seq: int) -> Letter:
    notice = trial(now=NOON, agent="desk", new_id=id_)
    return write(notice, [PHONE], after=seq - 1, now=NOON)[0]


def opened(path: Path, run: str = "run") -> Journal:
    journal = Journal(path, run=run)
    journal.open()
    journal.start()
    return journal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """A former run left letters 1 and 2 open, and some values."""
    former = opened(tmp_path / "journal.sqlite", "former")
    values = (("core:snapshot", "old"), ("machine:m:own", "kept"), ("web:sessions", "mine"))
    former.append(Entry(letters=(letter("n-1", 1), letter("n-2", 2)), values=values))
    await former.close()
    journal = opened(tmp_path / "journal.sqlite")
    yield journal
    await journal.close()


def inherit(journal: Journal, **other: object) -> None:
    delivered = replace(letter("n-1", 1), state=LetterState.DELIVERED, ended_at=NOON)
    known: dict[str, object] = {
        "values": {"core:snapshot": "new", "web:sessions": "theirs", "silences": "[]"},
        "incidents": [Incident(id="i", opened_at=NOON, code="C", severity=Severity.WARNING, message="m")],
        "letters": [delivered],
        "reached": {(PHONE, "i"): True},
        "delivered_last": [(PHONE, NOON)],
        "last_letter": 40,
    }
    journal.inherit(**{**known, **other})  # type: ignore[arg-type]


async def test_values_are_taken_over_at_once_but_for_the_folders_own(journal) -> None:
    inherit(journal)
    found = {
        key: journal.value(key) for key in ("core:snapshot", "machine:m:own", "web:sessions", "silences")
    }
    assert found == {
        "core:snapshot": "new",
        "machine:m:own": "kept",
        "web:sessions": "mine",
        "silences": "[]",
    }


async def test_what_was_told_is_known_and_nothing_waits_any_more(journal) -> None:
    inherit(journal)
    assert (journal.reached, journal.delivered_last) == ({(PHONE, "i"): True}, [(PHONE, NOON)])
    assert (journal.last_letter, journal.take_waiting()) == (40, [])


async def test_letters_are_numbered_behind_those_of_both(journal) -> None:
    inherit(journal, last_letter=1)
    assert journal.last_letter == 2


async def test_what_was_taken_over_is_on_disk_and_not_shipped(journal) -> None:
    inherit(journal)
    await journal.flush()
    assert [one.run for one in await journal.shipments(100)] == ["former"]
    again = Journal(journal.path)
    again.open()
    assert again.value("core:snapshot") == "new"
    assert [one.notice for one in again.take_waiting()] == ["n-2"]
    assert [one.id for one in await again.incidents()] == ["i"]


async def test_a_folder_keeps_the_id_that_it_was_given_first(journal, tmp_path) -> None:
    await journal.flush()
    again, other = opened(journal.path, "third"), opened(tmp_path / "other" / "journal.sqlite")
    assert again.instance == journal.instance != other.instance
    assert len(journal.instance) == 32
    await again.close()
    await other.close()


async def test_an_incident_that_was_taken_over_stands_in_a_new_file_too(journal) -> None:
    inherit(journal)
    await journal.flush()
    journal.path.unlink()
    journal.append(Entry(values=(("k", "v"),)))
    await journal.flush()
    assert [one.id for one in await journal.incidents()] == ["i"]
