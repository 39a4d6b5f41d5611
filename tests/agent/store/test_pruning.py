"""The journal is pruned on a real file, in steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.store.files import connect, open_file
from agent.store.keeping import Keeping, Limits
from agent.store.pruning import STEP, sweep, used_bytes

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def limits(max_bytes: int = 10**12, **more: timedelta) -> Limits:
    ages = {"history": 90 * DAY, "notices": 30 * DAY, "reports": 30 * DAY, **more}
    return Keeping(**ages, max_bytes=max_bytes).limits(NOW)


def ago(days: float) -> str:
    return (NOW - days * DAY).isoformat()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_file(tmp_path / "journal.sqlite", 0.0, is_doubtful=False)
    yield connection
    connection.close()


def add_reports(connection: sqlite3.Connection, days: Iterable[float], words: int = 10) -> None:
    rows = ((ago(day), "feed", "words " * words) for day in days)
    with connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO report (at, machine, body) VALUES (?, ?, ?)", rows)


def add_edge(
    connection: sqlite3.Connection, days: float, subject: str = "lead", incident: str | None = None
) -> None:
    connection.execute(
        "INSERT INTO transition (at, subject, name, after, reason, message, incident)"
        " VALUES (?, ?, 'feed', ?, '', '', ?)",
        (ago(days), subject, str(days), incident),
    )


def add_incident(connection: sqlite3.Connection, id_: str, opened: float, closed: float | None) -> None:
    connection.execute(
        "INSERT INTO incident (id, opened_at, closed_at, code, severity, message)"
        " VALUES (?, ?, ?, 'C', 'critical', '')",
        (id_, ago(opened), ago(closed) if closed is not None else None),
    )


def add_letter(
    connection: sqlite3.Connection, seq: int, ended: float | None, words: int = 1, stream: str = ""
) -> None:
    state, ended_at = ("pending", None) if ended is None else ("delivered", ago(ended))
    connection.execute(
        "INSERT INTO outbox (id, seq, notice, notifier, stream, type, code, severity, body, created_at,"
        " next_at, expires_at, state, attempts, ended_at)"
        " VALUES (?, ?, '', '', ?, '', '', '', ?, ?, '', '', ?, 0, ?)",
        (f"l{seq}", seq, stream, "words " * words, ago(100 if ended is None else ended), state, ended_at),
    )


def column(connection: sqlite3.Connection, select: str) -> list[object]:
    return [one for (one,) in connection.execute(select)]


def run(connection: sqlite3.Connection, wanted: Limits) -> int:
    """The whole sweep; how many steps did something."""
    return sum(1 for gone in sweep(connection, wanted) if gone)


def test_reports_go_after_their_time_and_younger_ones_stay(journal) -> None:
    add_reports(journal, [40.0] * (2 * STEP + 1))
    add_reports(journal, [30.001, 29.999, 1])
    run(journal, limits())
    assert column(journal, "SELECT at FROM report") == [ago(29.999), ago(1)]


def test_a_report_of_a_clock_that_was_ahead_does_not_keep_those_behind_it(journal) -> None:
    add_reports(journal, [-300, 40, 40, 1])
    run(journal, limits())
    assert column(journal, "SELECT at FROM report") == [ago(-300), ago(1)]


def test_an_old_incident_goes_with_what_belongs_to_it_and_one_that_is_open_stays_whole(journal) -> None:
    add_incident(journal, "old", 100, 91)
    add_incident(journal, "long", 100, 89)
    add_incident(journal, "open", 100, None)
    for incident in ("old", "long", "open"):
        add_edge(journal, 99, "problem", incident)
    run(journal, limits())
    assert set(column(journal, "SELECT id FROM incident")) == {"long", "open"}
    assert column(journal, "SELECT incident FROM transition ORDER BY id") == ["long", "open"]


def test_what_a_review_of_four_hundred_days_needs_stays(journal) -> None:
    for days in (500, 450, 399, 100):
        add_edge(journal, days, "machine")
        add_edge(journal, days)
    journal.executemany("INSERT INTO awake VALUES (?, ?)", [(ago(500), ago(401)), (ago(400.5), ago(399))])
    run(journal, limits())
    assert column(journal, "SELECT after FROM transition ORDER BY id") == ["450", "399", "100"]
    assert column(journal, "SELECT since FROM awake") == [ago(400.5)]


def test_notices_go_after_their_time_and_those_that_wait_stay(journal) -> None:
    for seq, ended in enumerate([31, None, 30.001, 29.999, None]):
        add_letter(journal, seq, ended)
    run(journal, limits())
    assert column(journal, "SELECT seq FROM outbox ORDER BY seq") == [1, 3, 4]


@pytest.mark.parametrize("max_bytes", [10**12, 0], ids=["by age", "by size"])
def test_who_was_told_of_an_incident_that_is_still_open_is_not_forgotten(journal, max_bytes) -> None:
    add_incident(journal, "i-open", 60, None)
    add_incident(journal, "i-closed", 60, 50)
    for seq, stream in enumerate(["i-open", "i-closed", "i-open/alpha", "i-closed/alpha", "i-opened"]):
        add_letter(journal, seq, 60, stream=stream)
    run(journal, limits(max_bytes=max_bytes))
    assert column(journal, "SELECT stream FROM outbox ORDER BY seq") == ["i-open", "i-open/alpha"]


def test_beyond_the_size_the_oldest_reports_go_before_anything_else(journal) -> None:
    for _ in range(5):
        add_reports(journal, [2.0] * STEP, words=30)
    add_edge(journal, 80)
    add_letter(journal, 1, 20)
    most = used_bytes(journal) // 2
    run(journal, limits(max_bytes=most * 20 // 19 + 20))
    assert used_bytes(journal) <= most
    assert 0 < len(column(journal, "SELECT id FROM report")) <= 2 * STEP
    assert min(column(journal, "SELECT id FROM report")) > STEP
    assert column(journal, "SELECT count(*) FROM transition") == [1]
    assert column(journal, "SELECT count(*) FROM outbox") == [1]


def test_where_nothing_else_is_left_notices_and_transitions_go_and_what_must_stay_stays(journal) -> None:
    add_incident(journal, "open", 3, None)
    for seq in range(50):
        add_letter(journal, seq, 20 if seq else None, words=500)
        add_edge(journal, 2)
    add_edge(journal, 2, "problem", "open")
    add_edge(journal, 2, "machine")
    add_reports(journal, [1, 0])
    run(journal, limits(max_bytes=0))
    assert column(journal, "SELECT id FROM report") == []
    assert column(journal, "SELECT seq FROM outbox") == [0]
    assert column(journal, "SELECT subject FROM transition ORDER BY id") == ["problem", "machine"]
    assert column(journal, "SELECT id FROM incident") == ["open"]


def test_between_two_steps_another_can_write_without_waiting(journal, tmp_path) -> None:
    add_reports(journal, [40.0] * (4 * STEP))
    other = connect(tmp_path / "journal.sqlite", 0.0)
    before, gone = 4 * STEP, []
    for step in sweep(journal, limits()):
        other.execute("INSERT INTO value VALUES (?, '') ON CONFLICT DO NOTHING", (str(len(gone)),))
        [after] = column(other, "SELECT count(*) FROM report")
        gone.append(before - after)
        before = after
        assert step <= STEP
    assert (max(gone), sum(gone)) == (STEP, 4 * STEP)
    other.close()


def test_the_file_shrinks_when_much_of_it_is_free(journal, tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    add_reports(journal, [40.0] * 8000, words=250)
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    length = path.stat().st_size
    run(journal, limits())
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert length > 12_000_000
    assert path.stat().st_size < 9_000_000
    assert column(journal, "PRAGMA integrity_check") == ["ok"]


def test_a_file_that_cannot_shrink_is_filled_anew(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    plain = sqlite3.connect(path)
    plain.execute("PRAGMA journal_mode = WAL")
    plain.close()
    journal = open_file(path, 0.0, is_doubtful=False)
    lengths = []
    for _ in range(2):
        add_reports(journal, [40.0] * 3000, words=250)
        run(journal, limits())
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        lengths.append(path.stat().st_size)
    assert lengths[1] == pytest.approx(lengths[0], rel=0.05)
    journal.close()
