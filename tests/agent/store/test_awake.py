"""The journal knows when the agent ran: a run, a sleep and a step of the clock each begin anew."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from agent.model import Report, Subject, Transition
from agent.store.journal import Entry, Journal
from agent.store.migrations import STEPS
from agent.store.rows import Received

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
LONG_AGO, FAR = NOON - timedelta(days=300), NOON + timedelta(days=300)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def beat(seconds: float) -> Entry:
    report = Report(state="OK", reason="R", observed_at=at(seconds))
    return Entry(reports=(Received(at(seconds), "agent", report),))


def state(seconds: float, before: str | None, after: str, name: str = "feed") -> Entry:
    edge = Transition(
        at=at(seconds), subject=Subject.MACHINE, name=name, group=None, before=before, after=after
    )
    return Entry(transitions=(edge,))


async def ran(path, *entries: Entry) -> Journal:
    """One run of the agent that writes these, each in a commit of its own."""
    journal = Journal(path)
    journal.open()
    journal.start()
    for entry in entries:
        journal.append(entry)
        await journal.flush()
    await journal.close()
    return journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


async def test_a_run_is_one_stretch_from_its_first_word_to_its_last(path) -> None:
    journal = await ran(path, beat(0), beat(5), state(7, "A", "B"), beat(12.5))
    assert await journal.awake(LONG_AGO, FAR) == [(at(0), at(12.5))]
    assert await journal.known_since() == at(0)


async def test_a_restart_begins_anew_however_short_the_gap(path) -> None:
    await ran(path, beat(0), beat(5))
    journal = await ran(path, beat(9), beat(14))
    assert await journal.awake(LONG_AGO, FAR) == [(at(0), at(5)), (at(9), at(14))]


@pytest.mark.parametrize("step", [pytest.param(61, id="a sleep"), pytest.param(-3600, id="set back")])
async def test_a_time_in_which_nothing_was_written_is_a_gap(path, step) -> None:
    journal = await ran(path, beat(0), beat(5), beat(5 + step), beat(10 + step))
    stretches = sorted([(at(0), at(5)), (at(5 + step), at(10 + step))])
    assert await journal.awake(LONG_AGO, FAR) == stretches


async def test_only_what_touches_the_asked_time_is_read(path) -> None:
    await ran(path, beat(0), beat(5))
    journal = await ran(path, beat(3600), beat(3605))
    assert await journal.awake(at(10), at(3600)) == []
    assert await journal.awake(at(3602), FAR) == [(at(3600), at(3605))]
    assert await journal.known_since() == at(0)


async def test_a_batch_that_could_not_be_written_is_made_good_by_the_next(path) -> None:
    journal = Journal(path)
    journal.open()
    journal.start()
    journal.append(beat(0))
    await journal.flush()
    bad = Entry(values=(("key", object()),), reports=beat(3).reports)  # type: ignore[arg-type]
    journal.append(bad)
    await journal.flush()
    journal.append(beat(6))
    await journal.flush()
    await journal.close()
    assert await journal.awake(LONG_AGO, FAR) == [(at(0), at(6))]


async def test_a_machines_states_begin_with_the_one_that_held_and_leave_out_mere_reasons(path) -> None:
    journal = await ran(
        path,
        state(-500, "X", "OLD"),
        state(-100, None, "UNKNOWN"),
        state(10, "UNKNOWN", "CONNECTED"),
        state(20, "CONNECTED", "CONNECTED"),
        state(30, "CONNECTED", "STALE"),
        state(30, "A", "B", name="auth"),
        state(40, "STALE", "CONNECTED"),
    )
    assert await journal.states("feed", at(0), at(40)) == [
        (at(-100), "UNKNOWN"),
        (at(10), "CONNECTED"),
        (at(30), "STALE"),
    ]


def test_a_journal_from_before_has_its_runs_from_its_reports(path) -> None:
    connection = sqlite3.connect(path)
    for step in STEPS[:3]:
        connection.executescript(step)
    for seconds in (0, 5, 10, 100, 105):
        connection.execute(
            "INSERT INTO report (at, machine, body) VALUES (?, 'm', '')", (at(seconds).isoformat(),)
        )
    connection.execute("PRAGMA user_version = 3")
    connection.commit()
    connection.close()
    Journal(path).open()
    found = sqlite3.connect(path).execute("SELECT since, until FROM awake ORDER BY since").fetchall()
    assert found == [(at(a).isoformat(), at(b).isoformat()) for a, b in ((0, 10), (100, 105))]


async def test_what_people_did_is_known_by_its_instant(path) -> None:
    def edge(seconds: float, subject: Subject, after: str) -> Entry:
        told = Transition(at=at(seconds), subject=subject, name="x", group=None, before=None, after=after)
        return Entry(transitions=(told,))

    journal = await ran(
        path,
        edge(0, Subject.INCIDENT, "open"),
        edge(1, Subject.INCIDENT, "acknowledged"),
        edge(2, Subject.ACTION, "DONE"),
        edge(3, Subject.REMEDY, "DONE"),
    )
    assert await journal.minded(LONG_AGO, FAR) == [at(1), at(2)]
