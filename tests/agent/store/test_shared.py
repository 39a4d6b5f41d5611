"""What is shared is read from where all have written, and from here while that cannot be read."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.alerts.letters import Address, LetterState, write
from agent.alerts.notices import trial
from agent.model import Incident, Report, Severity, Subject, Transition
from agent.store.door import Door, History
from agent.store.journal import Entry, Journal
from agent.store.rows import Deed, Received
from agent.store.shared import SharedJournal

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(name: str) -> Entry:
    """One of each, named after whose it is."""
    notice = trial(now=NOON, agent=name, new_id=name)
    edge = Transition(
        at=NOON, subject=Subject.MACHINE, name="feed", group=None, before=None, after=name, incident=name
    )
    acted = Transition(at=NOON, subject=Subject.ACTION, name=name, group=None, before=None, after="DONE")
    return Entry(
        transitions=(edge, acted),
        values=(("k", name),),
        incidents=(Incident(id=name, opened_at=NOON, code=name, severity=Severity.WARNING, message="m"),),
        letters=write(notice, [Address(notifier="phone")], after=0, now=NOON),
        deeds=(Deed(at=NOON, who=name, person=None, peer="here", what="x", status=200),),
        reports=(Received(NOON, "feed", Report(state=name, reason="OK", observed_at=NOON)),),
    )


@pytest.fixture
async def journals(tmp_path: Path) -> AsyncIterator[dict[str, Journal]]:
    found = {name: Journal(tmp_path / name / "journal.sqlite") for name in ("here", "there")}
    for name, journal in found.items():
        journal.open()
        journal.start()
        journal.append(entry(name))
        await journal.flush()
    yield found
    for journal in found.values():
        await journal.close()


async def all_that_is_read(past: History) -> dict[str, object]:
    """What each question is answered with, of one name."""
    [edge] = [row for row in await past.history() if row["name"] == "feed"]
    [one] = await past.letters(state=LetterState.PENDING)
    return {
        "history": edge["after"],
        "incidents": [incident.id for incident in await past.incidents()],
        "incident": [name for name in ("here", "there") if await past.incident(name)],
        "states": await past.states("feed", NOON - DAY, NOON + DAY),
        "awake": await past.awake(NOON - DAY, NOON + DAY),
        "known_since": await past.known_since(),
        "minded": await past.minded(NOON - DAY, NOON + DAY),
        "deeds": [row["who"] for row in await past.deeds()],
        "letters": one.notice,
        "letters_of": [letter.id for letter in await past.letters_of(one.stream)],
        "letter": [name for name in ("here", "there") if await past.letter(f"{name}.phone")],
    }


async def test_all_is_read_from_where_all_have_written(journals) -> None:
    door: Door = SharedJournal(journals["here"], journals["there"])
    assert await all_that_is_read(door) == await all_that_is_read(journals["there"])


async def test_while_that_cannot_be_read_this_agents_own_history_is_shown(journals, caplog) -> None:
    caplog.set_level(logging.INFO)
    door = SharedJournal(journals["here"], journals["there"])
    away = journals["there"].path.rename(journals["there"].path.with_name("away"))
    assert await all_that_is_read(door) == await all_that_is_read(journals["here"])
    away.rename(journals["there"].path)
    assert await all_that_is_read(door) == await all_that_is_read(journals["there"])
    said = [record.levelname for record in caplog.records]
    assert said == ["WARNING", "INFO"]


async def test_what_is_written_and_known_is_this_agents_own(journals) -> None:
    door: Door = SharedJournal(journals["here"], journals["there"])
    door.append(Entry(values=(("more", "1"),)))
    await door.flush()
    assert (door.value("k"), door.value("more"), journals["there"].value("more")) == ("here", "1", None)
    assert door.values_under("mo") == {"re": "1"}
    assert (door.loss, door.size_bytes) == (None, journals["here"].size_bytes)
    assert (door.last_letter, door.reached, door.delivered_last) == (0, {}, [])
    assert door.take_waiting() == []
