"""What is committed here waits to be shipped, whole and in order, whatever becomes of the file."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.alerts.letters import Address, Letter, write
from agent.alerts.notices import trial
from agent.errors import StoreError
from agent.model import Incident, Report, Severity, Subject, Transition
from agent.store import folding
from agent.store.folding import fold, folded
from agent.store.journal import Entry, Journal
from agent.store.keeping import Limits
from agent.store.rows import Deed, Received
from agent.store.sheet import Sheet
from agent.store.shipments import Shipment, is_shared, pack, read, unpack
from agent.store.survey import survey

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def edge(name: str, at: datetime = NOON) -> Transition:
    return Transition(at=at, subject=Subject.LEAD, name=name, group=None, before=None, after=name)


def letter(id_: str) -> Letter:
    notice = trial(now=NOON, agent="desk", new_id=id_)
    return write(notice, [Address(notifier="phone")], after=0, now=NOON)[0]


def incident(id_: str) -> Incident:
    return Incident(id=id_, opened_at=NOON, code="FEED_STALE", severity=Severity.CRITICAL, message="m")


def received(at: datetime = NOON) -> Received:
    return Received(at, "feed", Report(state="LIVE", reason="OK", observed_at=at))


DEED = Deed(at=NOON, who="control", person="asha", peer="127.0.0.1", what="POST /probe", status=200)


class Desk:
    """A journal with a run, and how often it said that something is to be shipped."""

    def __init__(self, path: Path, run: str | None = "run-1") -> None:
        self.calls = 0
        self.journal = Journal(path, patience_s=1.0, run=run)  # the former one's look at the file may last
        self.journal.on_shipment = self._count
        self.journal.open()
        self.journal.start()

    def _count(self) -> None:
        self.calls += 1

    async def write(self, entry: Entry) -> StoreError | None:
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.journal.append(replace(entry, written=done.set_result))
        return await asyncio.wait_for(done, 10)

    async def waiting(self, limit: int = 1000) -> list[Shipment]:
        await self.journal.flush()
        return await self.journal.shipments(limit)


Begin = Callable[..., Desk]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    desks = []

    def open_desk(**more: str | None) -> Desk:
        desks.append(Desk(tmp_path / "journal.sqlite", **more))
        return desks[-1]

    yield open_desk
    for desk in desks:
        await desk.journal.close()


def told(shipment: Shipment) -> dict[str, list[object]]:
    """What a shipment has, by table: the first words of its rows, without the folder's own id."""
    return {table: [row[0] for row in found.values()] for table, found in shipment.sheet.rows.items()}


def names(shipments: list[Shipment]) -> list[object]:
    return [row[3] for one in shipments for row in one.sheet.rows["transition"].values()]


# -- what is shipped ---------------------------------------------------------------------------------


async def test_a_commit_is_shipped_as_it_is_written(begin) -> None:
    desk = begin()
    entry = Entry(
        transitions=(edge("A"),),
        values=(("core:snapshot", "{}"), ("credentials:kite", "secret")),
        incidents=(incident("i-1"),),
        letters=(letter("n-1"),),
        deeds=(DEED,),
        reports=(received(),),
    )
    assert await desk.write(entry) is None
    [one] = await desk.waiting()
    assert (one.run, one.epoch) == ("run-1", 0)
    assert told(one) == {
        "transition": [1],
        "incident": ["i-1"],
        "value": ["core:snapshot"],
        "awake": [NOON.isoformat()],
        "deed": [NOON.isoformat()],
        "outbox": ["n-1.phone"],
    }
    assert desk.calls == 1


@pytest.mark.parametrize("private", ["credentials:kite", "web:sessions", "login-links:x", "sharing:instance"])
async def test_what_is_the_folders_own_stays_in_it(begin, private) -> None:
    desk = begin()
    await desk.write(Entry(values=((private, "x"),)))
    assert not is_shared(private)
    assert await desk.waiting() == []
    assert desk.calls == 0


async def test_a_single_agent_keeps_nothing_to_ship(begin) -> None:
    desk = begin(run=None)
    await desk.write(Entry((edge("A"),), letters=(letter("n-1"),)))
    assert await desk.waiting() == []
    assert desk.journal.value("sharing:instance") is None
    assert desk.calls == 0


async def test_that_the_agent_runs_is_shipped_by_itself_now_and_then(begin) -> None:
    desk = begin()
    for second in range(0, 61, 5):
        await desk.write(Entry(reports=(received(NOON + timedelta(seconds=second)),)))
    shipped = [row for one in await desk.waiting() for row in one.sheet.rows["awake"].values()]
    assert [datetime.fromisoformat(str(until)) - NOON for _, until in shipped] == [
        timedelta(seconds=second) for second in (0, 15, 30, 45, 60)
    ]


async def test_what_comes_from_the_shared_store_is_not_shipped_back(begin) -> None:
    desk = begin()
    await desk.write(Entry(values=(("core:snapshot", "{}"),), letters=(letter("n"),), inherited=True))
    assert await desk.waiting() == []
    assert await desk.journal.letter("n.phone") is not None


async def test_an_entry_keeps_the_epoch_in_which_it_was_appended(begin) -> None:
    desk = begin()
    for number in range(60):
        desk.journal.epoch = number // 20
        desk.journal.append(Entry((edge(str(number)),)))
    shipments = await desk.waiting()
    assert [one.seq for one in shipments] == sorted({one.seq for one in shipments})
    found = [(int(str(name)), one.epoch) for one in shipments for name in names([one])]
    assert found == [(number, number // 20) for number in range(60)]


# -- in order, until they are shipped ---------------------------------------------------------------


async def test_shipments_are_let_go_up_to_the_one_that_was_shipped(begin) -> None:
    desk = begin()
    for number in range(5):
        await desk.write(Entry((edge(str(number)),)))
    shipments = await desk.waiting(limit=3)
    assert names(shipments) == ["0", "1", "2"]
    await desk.write(Entry(shipped=(("run-1", shipments[-1].seq), ("another", 99))))
    assert names(await desk.waiting()) == ["3", "4"]
    assert desk.calls == 5


async def test_a_new_run_is_shipped_behind_what_the_former_left(begin) -> None:
    former = begin()
    await former.write(Entry((edge("A"),)))
    await former.journal.close()
    desk = begin(run="run-2")
    await desk.write(Entry((edge("B"),)))
    shipments = await desk.waiting()
    assert [one.run for one in shipments] == ["run-1", "run-2"]
    assert names(shipments) == ["A", "B"]
    await desk.write(Entry(shipped=(("run-1", shipments[0].seq),)))
    assert names(await desk.waiting()) == ["B"]


async def test_a_shipment_that_nobody_can_read_holds_up_no_other(begin) -> None:
    desk = begin()
    await desk.write(Entry((edge("A"),)))
    await desk.write(Entry((edge("B"),)))
    connection = sqlite3.connect(desk.journal.path, isolation_level=None)
    connection.execute("UPDATE shipment SET body = '[1' WHERE seq = 1")
    connection.close()
    first, second = await desk.waiting()
    assert (first.seq, bool(first.sheet)) == (1, False)
    assert names([second]) == ["B"]


async def test_long_shipments_come_a_few_at_a_time(begin) -> None:
    desk = begin()
    for number in range(3):
        await desk.write(Entry(values=((f"machine:m:{number}", "x" * 2**21),)))
    assert len(await desk.waiting()) == 2


async def test_a_survey_tells_how_many_wait(begin) -> None:
    desk = begin()
    await desk.write(Entry((edge("A"),)))
    assert survey(desk.journal.path).holdings["shipment"].rows == 1


# -- a bad disk, a lost file -------------------------------------------------------------------------


async def test_what_a_bad_disk_keeps_off_waits_with_its_shipment(begin) -> None:
    desk = begin()
    await desk.write(Entry((edge("A"),)))
    blocker = sqlite3.connect(desk.journal.path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    assert await desk.write(Entry((edge("B"),))) is not None
    assert await desk.write(Entry((edge("C"),))) is not None
    assert desk.calls == 1
    blocker.execute("COMMIT")
    blocker.close()
    await desk.write(Entry())
    assert names(await desk.waiting()) == ["A", "B", "C"]
    assert desk.calls == 2


async def test_a_long_trouble_of_the_disk_does_not_fill_the_memory(begin, monkeypatch) -> None:
    monkeypatch.setattr(folding, "MOST_IN_MEMORY", 10)
    desk = begin()
    blocker = sqlite3.connect(desk.journal.path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    for number in range(40):
        await desk.write(Entry((edge(str(number)),), letters=(letter(f"n-{number}"),)))
    blocker.execute("COMMIT")
    blocker.close()
    await desk.write(Entry())
    shipments = await desk.waiting()
    assert len(shipments) <= 11
    assert names(shipments)[-1] == "39"
    letters = [row[0] for one in shipments for row in one.sheet.rows["outbox"].values()]
    assert letters == [f"n-{number}.phone" for number in range(40)]


def delete(path: Path) -> None:
    for one in path.parent.glob("journal.sqlite*"):
        one.unlink()


def overwrite(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def spoil_pages_with(path: Path, words: bytes) -> None:
    whole = path.read_bytes()
    pages = [whole[start : start + 4096] for start in range(0, len(whole), 4096)]
    garbage = random.Random(1).randbytes(4096)
    path.write_bytes(b"".join(garbage if words in page else page for page in pages))


@pytest.mark.parametrize("lose", [delete, overwrite], ids=lambda one: one.__name__)
async def test_a_lost_file_loses_nothing_that_was_to_be_shipped(begin, lose) -> None:
    desk = begin()
    desk.journal.epoch = 3
    await desk.write(Entry((edge("A"),), values=(("core:snapshot", "1"),), letters=(letter("n-1"),)))
    lose(desk.journal.path)
    desk.journal._writer.suspect()
    await desk.write(Entry((edge("B"),)))
    shipments = await desk.waiting()
    assert names(shipments) == ["A", "B"]
    whole = shipments[-1]
    assert (told(whole)["outbox"], told(whole)["value"], whole.epoch) == (["n-1.phone"], ["core:snapshot"], 3)
    seqs = [one.seq for one in shipments]
    assert seqs == sorted(set(seqs))


async def test_an_open_letter_of_a_file_that_was_damaged_at_the_start_is_shipped_again(begin) -> None:
    former = begin()
    await former.write(
        Entry(letters=(letter("n-1"),), transitions=tuple(edge(f"row-{n}") for n in range(400)))
    )
    [one] = await former.waiting()
    await former.write(Entry(shipped=(("run-1", one.seq),)))
    await former.journal.close()
    spoil_pages_with(former.journal.path, b"row-200")
    desk = begin(run="run-2")
    desk.journal._writer.suspect()
    await desk.write(Entry((edge("before it owns the desk"),)))
    assert desk.journal.loss is not None
    assert [told(one).get("outbox") for one in await desk.waiting()] == [None]
    desk.journal.epoch = 1
    await desk.write(Entry((edge("after"),)))
    assert told((await desk.waiting())[-1])["outbox"] == ["n-1.phone"]


# -- folded ------------------------------------------------------------------------------------------


def row(seq: int, epoch: int = 1, run: str = "r") -> tuple[object, ...]:
    sheet = Sheet()
    sheet.put("transition", seq, (seq, "t"))
    sheet.put("deed", object(), ("d", seq))
    sheet.put("value", "k", ("k", str(seq)))
    sheet.put("outbox", f"n-{seq}", (f"n-{seq}", "row"))
    return (run, seq, epoch, pack(sheet))


def test_folding_keeps_the_latest_values_and_every_letter_and_gives_up_the_edges() -> None:
    [one] = map(read, folded([row(1), row(2), row(4)]))
    assert (one.seq, one.epoch) == (4, 1)
    assert told(one) == {"value": ["k"], "outbox": ["n-1", "n-2", "n-4"]}
    assert one.sheet.rows["value"]["k"] == ("k", "4")


def test_other_epochs_and_runs_are_not_folded_together() -> None:
    rows = [row(1), row(2), row(3, 2), row(4, 2), row(5, run="s"), row(6)]
    assert [(one[0], one[1], one[2]) for one in folded(rows)] == [
        ("r", 2, 1), ("r", 4, 2), ("s", 5, 1), ("r", 6, 1),
    ]  # fmt: skip


def test_a_sheet_comes_out_of_a_shipment_as_it_went_in() -> None:
    body = row(7)[3]
    assert pack(unpack(str(body))) == body


@pytest.mark.parametrize(("most", "size"), [(50, 10**9), (10**9, 10_000)], ids=["too many", "too long"])
async def test_the_oldest_are_folded_until_no_more_wait_than_may(begin, most, size) -> None:
    desk = begin()
    await desk.journal.close()
    connection = sqlite3.connect(desk.journal.path, isolation_level=None)
    connection.executemany("INSERT INTO shipment VALUES (?, ?, ?, ?)", [row(n) for n in range(1, 501)])
    for _ in range(2):
        list(fold(connection, size, most))
    rows = connection.execute("SELECT run, seq, epoch, body FROM shipment ORDER BY seq").fetchall()
    connection.close()
    assert len(rows) <= most
    assert rows[-1][1] == 500
    shipments = [read(one) for one in rows]
    assert [key for one in shipments for key in one.sheet.rows["outbox"]] == [f"n-{n}" for n in range(1, 501)]
    if most == 50:
        assert len(shipments[-1].sheet.rows["transition"]) == 1


async def test_pruning_folds(begin, monkeypatch) -> None:
    monkeypatch.setattr(folding.fold, "__defaults__", (10,))
    desk = begin()
    for number in range(30):
        await desk.write(Entry((edge(str(number)),)))
    desk.journal.prune(Limits(history="", notices="", reports="", sight="", max_bytes=10**9))
    async with asyncio.timeout(10):
        while len(await desk.waiting()) > 10:
            await desk.journal.flush()
