"""A journal of an older program is brought forward whole, and what it was is kept beside it."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.store.backup import kept_formers
from agent.store.files import connect
from agent.store.journal import Journal
from agent.store.migrations import STEPS, bring_forward, schema_of

BOGUS = "CREATE TABLE more (a TEXT); INSERT INTO nothing VALUES (1);"


def journal_of(path: Path, schema: int) -> None:
    """As the program of that time left it, with an edge in it."""
    connection = connect(path, 0.0)
    bring_forward(connection, path, STEPS[:schema])
    connection.execute(
        "INSERT INTO transition (at, subject, name, reason, message)"
        " VALUES ('2026-11-23T06:30:00+00:00', 'lead', 'kept', '', '')"
    )
    connection.close()


def names(path: Path) -> tuple[int, list[str]]:
    connection = sqlite3.connect(path)
    found = schema_of(connection), [name for (name,) in connection.execute("SELECT name FROM transition")]
    connection.close()
    return found


@pytest.mark.parametrize("schema", range(1, len(STEPS)))
async def test_every_older_schema_is_brought_forward_and_kept_as_it_was(tmp_path, schema) -> None:
    path = tmp_path / "journal.sqlite"
    journal_of(path, schema)
    (tmp_path / f"journal.sqlite.before-{len(STEPS)}.part").write_text("of a start that was killed")
    journal = Journal(path)
    journal.open()
    assert [row["name"] for row in await journal.history()] == ["kept"]
    [former] = kept_formers(path)
    assert former.name == f"journal.sqlite.before-{len(STEPS)}"
    assert stat.S_IMODE(former.stat().st_mode) == 0o600
    assert names(former) == (schema, ["kept"])
    assert [one.name for one in tmp_path.glob("*.part*")] == []


def test_a_new_journal_and_one_of_today_leave_nothing_beside_them(tmp_path) -> None:
    for _ in range(2):
        Journal(tmp_path / "journal.sqlite").open()
    assert kept_formers(tmp_path / "journal.sqlite") == []


def test_a_step_that_fails_changes_nothing_and_can_be_tried_again(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    journal_of(path, 1)
    connection = connect(path, 0.0)
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        bring_forward(connection, path, (*STEPS, BOGUS))
    assert schema_of(connection) == 1
    assert (
        connection.execute("SELECT name FROM sqlite_master WHERE name IN ('more', 'outbox')").fetchall() == []
    )
    bring_forward(connection, path)
    assert schema_of(connection) == len(STEPS)
    connection.close()


def test_the_journals_of_the_latest_two_changes_are_kept(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    journal_of(path, 1)
    connection = connect(path, 0.0)
    more = [*STEPS[:1], *("CREATE TABLE t%d (a TEXT);" % number for number in range(2, 13))]  # noqa: UP031
    for known in (8, 9, 10, 12):
        bring_forward(connection, path, more[:known])
    connection.close()
    assert [one.name for one in kept_formers(path)] == [
        "journal.sqlite.before-10",
        "journal.sqlite.before-12",
    ]
    assert names(kept_formers(path)[0])[0] == 9


def test_without_room_for_what_it_was_a_journal_stays_as_it_is(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    journal_of(path, 1)
    (tmp_path / f"journal.sqlite.before-{len(STEPS)}.part").mkdir()  # nothing can be written there
    with pytest.raises(StoreError, match=r"journal\.sqlite"):
        Journal(path).open()
    assert names(path) == (1, ["kept"])


def test_an_older_program_refuses_a_newer_journal_in_one_line_that_says_what_was_kept(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    journal_of(path, 2)
    Journal(path).open()
    connection = sqlite3.connect(path)
    with pytest.raises(StoreError) as refused:
        bring_forward(connection, path, STEPS[:2])
    connection.close()
    assert str(refused.value) == (
        f"{path}: this journal has schema {len(STEPS)}, and this program knows 2: it was written by a newer "
        "openbell; start that one, or put back what was kept before it was brought forward "
        f"(journal.sqlite.before-{len(STEPS)})"
    )
    assert names(path) == (len(STEPS), ["kept"])
