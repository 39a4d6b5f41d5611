"""What every store must do, on a local file and on a shared server alike."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from agent.alerts import letters as post
from agent.alerts.letters import LetterState
from agent.errors import StoreError
from agent.model import Acknowledgement, NoticeType, Receipt, Subject
from agent.store import silences
from agent.store.awake import UPSERT
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.postgres.connecting import Connection, connect
from agent.store.postgres.reading import Inheritance, SharedHistory, inheritance
from agent.store.postgres.shipping import ship
from agent.store.rows import Deed
from agent.store.sheet import Sheet
from agent.store.shipments import Shipment
from tests.agent.store.postgres.shipments import NOON, edge, incident, letter, member
from tests.postgres import Database

MINUTE = timedelta(minutes=1)


class Shelf(Protocol):
    """A store under test."""

    reads: Journal | SharedHistory

    async def write(self, *entries: Entry) -> None: ...
    async def break_off(self, entry: Entry) -> None: ...
    async def stretch(self, since: float, until: float) -> None: ...
    async def values(self) -> dict[str, str]: ...
    async def heritage(self) -> Journal | Inheritance: ...
    def spoil(self, statement: str) -> None: ...


class Local:
    """The journal's file."""

    def __init__(self, path: Path) -> None:
        self.reads = Journal(path)

    async def write(self, *entries: Entry) -> None:
        for entry in entries:
            self.reads.append(entry)
        await self.reads.flush()

    async def break_off(self, entry: Entry) -> None:
        """The last table refuses its rows when those of all others have been written."""
        with sqlite3.connect(self.reads.path) as connection:
            connection.execute(
                "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT raise(ABORT, 'half-way'); END"
            )
        connection.close()
        found: list[object] = []
        self.reads.append(replace(entry, written=found.append))
        await self.reads.flush()
        assert found != [None]

    async def stretch(self, since: float, until: float) -> None:
        row = ((NOON + since * MINUTE).isoformat(), (NOON + until * MINUTE).isoformat())
        connection = sqlite3.connect(self.reads.path)
        connection.execute(UPSERT, row)
        connection.commit()
        connection.close()

    async def values(self) -> dict[str, str]:
        return (await self.heritage()).values_under("")

    async def heritage(self) -> Journal:
        again = Journal(self.reads.path)
        again.open()
        return again

    def spoil(self, statement: str) -> None:
        connection = sqlite3.connect(self.reads.path)
        connection.execute(statement)
        connection.commit()
        connection.close()


class Shared:
    """A desk in a database, to which a journal's shipments go."""

    def __init__(self, path: Path, database: Database, connection: Connection) -> None:
        self.journal = Journal(path, run="r")
        self.reads = SharedHistory(database.address, "alpha")
        self._database, self._connection = database, connection
        self._seq = count(1)

    async def write(self, *entries: Entry) -> None:
        for entry in entries:
            self.journal.append(entry)
        await self.journal.flush()
        while batch := await self.journal.shipments(100):
            await ship(self._connection, member("a"), batch, claims_in=None)
            self.journal.append(Entry(shipped=(("r", batch[-1].seq),)))
            await self.journal.flush()

    async def break_off(self, entry: Entry) -> None:
        """The last table is held by somebody who does not let go."""
        with self._database.admin() as other, other.transaction():
            other.execute("LOCK TABLE openbell.outbox")
            with pytest.raises(StoreError, match="test_"):
                await self.write(entry)

    async def stretch(self, since: float, until: float) -> None:
        sheet = Sheet()
        row = ((NOON + since * MINUTE).isoformat(), (NOON + until * MINUTE).isoformat())
        sheet.put("awake", row[0], row)
        shipment = Shipment(run="awake", seq=next(self._seq), epoch=0, sheet=sheet)
        await ship(self._connection, member("a"), [shipment], claims_in=None)

    async def values(self) -> dict[str, str]:
        return dict((await self.heritage()).values)

    async def heritage(self) -> Inheritance:
        return await inheritance(self._connection, "alpha", ())

    def spoil(self, statement: str) -> None:
        with self._database.admin() as connection:
            for table in ("incident", "outbox", "transition", "value"):
                statement = statement.replace(f"UPDATE {table} ", f"UPDATE openbell.{table} ")
            connection.execute(statement)


@pytest.fixture(params=["local", "shared"])
async def shelf(request, tmp_path) -> AsyncIterator[Shelf]:
    if request.param == "local":
        local = Local(tmp_path / "journal.sqlite")
        local.reads.open()
        local.reads.start()
        yield local
        await local.reads.close()
        return
    database = request.getfixturevalue("database")
    connection = await connect(database.address)
    shared = Shared(tmp_path / "journal.sqlite", database, connection)
    shared.journal.open()
    shared.journal.start()
    yield shared
    await shared.journal.close()
    await shared.reads.close()
    await connection.close()


async def test_history_is_read_newest_first_by_page(shelf) -> None:
    await shelf.write(*(Entry((edge(str(number)),)) for number in range(5)))
    first = await shelf.reads.history(limit=3)
    second = await shelf.reads.history(limit=3, before=first[-1]["id"])
    assert [one["after"] for one in (*first, *second)] == ["4", "3", "2", "1", "0"]
    assert await shelf.reads.history(before=second[-1]["id"]) == []


async def test_a_transition_is_read_as_it_was_written(shelf) -> None:
    written = edge("STALE", name="feed", reason="no ticks", message="Wörter “so”", incident="i")
    await shelf.write(Entry((replace(written, group="alpha", before="LIVE"),)))
    [found] = await shelf.reads.history()
    assert found == {
        "id": found["id"], "at": NOON, "subject": "lead", "name": "feed", "before": "LIVE", "after": "STALE",
        "reason": "no ticks", "message": "Wörter “so”", "incident": "i", "group": "alpha",
    }  # fmt: skip


async def test_incidents_are_read_newest_first_from_before_an_instant(shelf) -> None:
    told = [incident(str(number), minutes=number, closed=number < 3) for number in range(4)]
    await shelf.write(Entry(incidents=tuple(told)))
    assert await shelf.reads.incidents(limit=2) == [told[3], told[2]]
    assert await shelf.reads.incidents(before=told[2].opened_at) == [told[1], told[0]]


async def test_an_incident_has_its_timeline_oldest_first(shelf) -> None:
    word = Acknowledgement(who="Asha", why="calling", at=NOON)
    first = incident("i", url="https://example.com/i", message="Words")
    await shelf.write(
        Entry((edge("1", incident="i"), edge("other")), incidents=(first,)),
        Entry((edge("2", incident="i"),), incidents=(replace(first, acknowledged=word),)),
    )
    found, timeline = await shelf.reads.incident("i")
    assert found == replace(first, acknowledged=word)
    assert [one["after"] for one in timeline] == ["1", "2"]
    assert await shelf.reads.incident("none") is None


async def test_a_machines_states_begin_with_the_one_that_held(shelf) -> None:
    def state(minutes: float, before: str | None, after: str, name: str = "feed"):
        at = NOON + minutes * MINUTE
        return replace(edge(after, at, Subject.MACHINE, name=name), before=before)

    await shelf.write(
        Entry((state(0, None, "LIVE"), state(1, "LIVE", "STALE"), state(2, "STALE", "STALE"))),
        Entry((state(3, "STALE", "LIVE"), state(3, None, "X", "other"), state(5, "LIVE", "DOWN"))),
    )
    found = await shelf.reads.states("feed", NOON + 2 * MINUTE, NOON + 5 * MINUTE)
    assert found == [(NOON + MINUTE, "STALE"), (NOON + 3 * MINUTE, "LIVE")]
    assert await shelf.reads.states("feed", NOON - MINUTE, NOON) == []


async def test_when_the_agent_ran_is_known_as_stretches(shelf) -> None:
    assert await shelf.reads.known_since() is None
    for since, until in [(0, 10), (20, 30), (40, 50)]:
        await shelf.stretch(since, until)
    await shelf.stretch(20, 35)
    await shelf.stretch(20, 25)
    found = await shelf.reads.awake(NOON + 35 * MINUTE, NOON + 40 * MINUTE)
    assert found == [(NOON + 20 * MINUTE, NOON + 35 * MINUTE)]
    assert await shelf.reads.known_since() == NOON


async def test_what_people_minded_is_known(shelf) -> None:
    def at(minutes: float, subject: Subject, after: str):
        return edge(after, NOON + minutes * MINUTE, subject)

    await shelf.write(
        Entry(
            (
                at(0, Subject.ACTION, "restart"),
                at(1, Subject.INCIDENT, "acknowledged"),
                at(2, Subject.INCIDENT, "closed"),
                at(3, Subject.MACHINE, "LIVE"),
                at(4, Subject.ACTION, "restart"),
            )
        )
    )
    found = await shelf.reads.minded(NOON, NOON + 4 * MINUTE)
    assert sorted(found) == [NOON, NOON + MINUTE]


async def test_of_values_the_latest_counts_and_silences_are_values(shelf) -> None:
    key = next(value for name, value in vars(silences).items() if name == "KEY")
    await shelf.write(Entry(values=(("k", "1"), (key, "[]"))), Entry(values=(("k", "2"), ("l", ""))))
    assert await shelf.values() == {"k": "2", "l": "", key: "[]"}


async def test_letters_of_all_states_are_read_newest_first_by_page_and_by_state(shelf) -> None:
    told = [letter(f"n{seq}", seq) for seq in range(1, 6)]
    told[0] = post.deliver(told[0], Receipt(status="200", id="r"), NOON)
    told[1] = post.bury(told[1], "410", NOON)
    told[2] = replace(told[2], state=LetterState.SUPERSEDED, ended_at=NOON)
    told[3] = post.defer(post.claim(told[3]), "503", NOON + MINUTE, turned_away=True)
    await shelf.write(Entry(letters=tuple(told)))
    assert await shelf.reads.letters(limit=2) == [told[4], told[3]]
    assert await shelf.reads.letters(before=4) == [told[2], told[1], told[0]]
    assert await shelf.reads.letters(state=LetterState.DEAD) == [told[1]]
    assert await shelf.reads.letter(told[0].id) == told[0]
    assert await shelf.reads.letter("none") is None


async def test_letters_of_an_incident_are_those_of_all_its_groups(shelf) -> None:
    of = incident("i")
    told = (
        letter("1", 1, of),
        letter("2", 2, of, group="alpha"),
        letter("3", 3, incident("i2")),
        letter("4", 4, of, group="beta", type_=NoticeType.RECOVERY),
        letter("5", 5, incident("i0", minutes=1), group="alpha"),
        letter("6", 6, of),
    )
    await shelf.write(Entry(letters=told))
    assert [one.notice for one in await shelf.reads.letters_of("i")] == ["1", "2", "4", "6"]


async def test_a_letter_takes_the_place_of_its_former_self(shelf) -> None:
    told = letter("n", 1)
    await shelf.write(Entry(letters=(told,)), Entry(letters=(post.claim(told),)))
    done = post.deliver(post.claim(told), Receipt(status="200"), NOON)
    await shelf.write(Entry(letters=(done,)))
    assert await shelf.reads.letters() == [done]


async def test_deeds_are_read_newest_first_by_page(shelf) -> None:
    deeds = [
        Deed(at=NOON, who="token", person=None if n else "Asha", peer="::1", what=f"ack {n}", status=200 + n)
        for n in range(3)
    ]
    await shelf.write(*(Entry(deeds=(deed,)) for deed in deeds))
    first = await shelf.reads.deeds(limit=2)
    second = await shelf.reads.deeds(before=first[-1]["id"])
    assert [one["what"] for one in (*first, *second)] == ["ack 2", "ack 1", "ack 0"]
    assert second == [
        {"id": second[0]["id"], "at": NOON, "who": "token", "person": "Asha", "peer": "::1", "what": "ack 0",
         "status": 200}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("incident", "severity", "terrible"), ("outbox", "severity", "terrible"), ("outbox", "state", "lost")],
)
async def test_a_row_that_nobody_can_read_costs_itself_alone(shelf, table, column, value) -> None:
    told = tuple(letter(id_, seq, incident(id_)) for seq, id_ in enumerate(("a", "b"), 1))
    await shelf.write(Entry(incidents=(incident("a"), incident("b", minutes=1)), letters=told))
    name = "id" if table == "incident" else "notice"
    shelf.spoil(f"UPDATE {table} SET {column} = '{value}' WHERE {name} = 'a'")
    spoilt = {table}
    assert [one.id for one in await shelf.reads.incidents()] == (
        ["b"] if "incident" in spoilt else ["b", "a"]
    )
    assert [one.notice for one in await shelf.reads.letters()] == (
        ["b"] if "outbox" in spoilt else ["b", "a"]
    )
    found = await shelf.reads.incident("a")
    assert (found is None) == ("incident" in spoilt)


async def test_a_value_that_is_no_json_stays_what_it_is(shelf) -> None:
    await shelf.write(Entry(values=(("core:snapshot", "{}"), ("k", "v"))))
    shelf.spoil("UPDATE value SET value = '{{{' WHERE key = 'core:snapshot'")
    assert await shelf.values() == {"core:snapshot": "{{{", "k": "v"}


async def test_state_event_and_letter_are_kept_together_or_not_at_all(shelf) -> None:
    entry = Entry((edge(),), (("k", "v"),), (incident(),), letters=(letter("n", 1, incident()),))
    await shelf.break_off(entry)
    assert await shelf.values() == {}
    assert await shelf.reads.history() == []
    assert await shelf.reads.incidents() == []
    assert await shelf.reads.letters() == []


async def test_whoever_goes_on_knows_who_was_told_and_what_was_last(shelf) -> None:
    first, second, third = incident("1"), incident("2"), incident("3")
    lost = post.bury(letter("l", 4, third), "410", NOON)
    told = [
        post.deliver(letter("a", 1, first), Receipt(status="200"), NOON + 2 * MINUTE),
        post.deliver(letter("b", 2, second, group="alpha"), Receipt(status="200"), NOON + MINUTE),
        letter("c", 3, second, group="alpha", type_=NoticeType.RECOVERY),
        lost,
        letter("d", 5, third, notifier="slack"),
    ]
    await shelf.write(Entry(letters=tuple(told)))
    found = await shelf.heritage()
    assert dict(found.reached) == {(told[0].address, "1"): True, (lost.address, "3"): False}
    assert list(found.delivered_last) == [
        (told[1].address, NOON + MINUTE),
        (told[0].address, NOON + 2 * MINUTE),
    ]
    assert found.last_letter == 5
