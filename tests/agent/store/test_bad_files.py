"""The journal's file on a bad day: locked, full of garbage, cut, deleted or replaced, before and in use."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter
from agent.alerts.notices import trial
from agent.errors import StoreError
from agent.model import Incident, Receipt, Severity, Subject, Transition
from agent.store.files import asides, beside
from agent.store.journal import Entry, Journal

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
INCIDENT = Incident(id="i-1", opened_at=NOON, code="FEED_STALE", severity=Severity.CRITICAL, message="m")
PAGE = 4096


def edge(name: str) -> Transition:
    return Transition(
        at=NOON, subject=Subject.LEAD, name=name, group=None, before="LIVE", after=name, message="words" * 40
    )


def letter(id_: str) -> Letter:
    notice = trial(now=NOON, agent="desk", new_id=id_)
    return post.write(notice, [Address(notifier="hook")], after=0, now=NOON)[0]


class Desk:
    """A journal in use, and what each of its entries came to."""

    def __init__(self, path: Path, patience_s: float = 10.0) -> None:
        self.path = path
        self.journal = Journal(path, patience_s=patience_s)
        self.journal.open()
        self.journal.start()

    async def write(self, **what: object) -> StoreError | None:
        return await asyncio.wait_for(self.writing(**what), 20)

    def writing(self, **what: object) -> asyncio.Future[StoreError | None]:
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.journal.append(replace(Entry(**what), written=done.set_result))  # type: ignore[arg-type]
        return done

    async def names(self) -> list[object]:
        return [row["name"] for row in reversed(await self.journal.history(limit=10_000))]

    async def read_all(self) -> None:
        await self.journal.letters_of("i-1")
        await self.journal.incident("i-1")
        await self.names()

    async def fill(self, transitions: int = 400) -> None:
        """A journal of some pages: edges, silences, an open incident, one open letter of two."""
        await self.write(values=(("silences", "kept"),), incidents=(INCIDENT,), letters=(letter("open"),))
        ended = post.deliver(letter("ended"), Receipt(status="200"), NOON)
        await self.write(letters=(ended,), transitions=tuple(edge(str(n)) for n in range(transitions)))

    async def knows_what_a_new_run_must(self) -> None:
        """As `fill` left it, read by another run from the file."""
        await self.journal.flush()
        again = Journal(self.path)
        again.open()
        assert again.value("silences") == "kept"
        assert [one.notice for one in again.take_waiting()] == ["open"]
        assert [one for one in await again.incidents() if one.closed_at is None] == [INCIDENT]
        await sound(self.path)


async def sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.fixture
async def open_desk(tmp_path):
    desks = []

    def begin(**more: float) -> Desk:
        desks.append(Desk(tmp_path / "journal.sqlite", **more))
        return desks[-1]

    yield begin
    for desk in desks:
        await desk.journal.close()


def overwrite(path: Path) -> None:
    """Garbage from the first byte to the last."""
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def spoil_pages(path: Path, share: float = 0.1) -> None:
    """Some pages behind the first are garbage."""
    dice, pages = random.Random(7), path.stat().st_size // PAGE
    with path.open("r+b") as file:
        for page in dice.sample(range(1, pages), max(1, int(pages * share))):
            file.seek(page * PAGE)
            file.write(dice.randbytes(PAGE))


def cut(path: Path) -> None:
    """The file ends in its middle."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE * PAGE)


def empty(path: Path) -> None:
    path.write_bytes(b"")


# -- while it is in use ------------------------------------------------------------------------------


def checkpoint(path: Path) -> None:
    """All that was committed is in the file itself, which a fault then meets."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@pytest.mark.parametrize("spoil", [overwrite, spoil_pages, cut], ids=lambda one: one.__name__)
async def test_a_file_that_is_damaged_in_use_is_moved_aside_and_begun_anew(open_desk, spoil) -> None:
    desk = open_desk()
    await desk.fill()
    checkpoint(desk.path)
    spoil(desk.path)
    with pytest.raises(StoreError):  # whoever reads it tells the writer
        await desk.read_all()
    assert await desk.write(transitions=(edge("afterwards"),)) is None
    [aside] = asides(desk.path)
    assert aside.name in (desk.journal.loss or "")
    assert (await desk.names())[-1] == "afterwards"
    await desk.knows_what_a_new_run_must()
    aside.unlink()
    assert desk.journal.loss is None


async def test_a_file_that_nobody_reads_is_looked_at_now_and_then(open_desk) -> None:
    desk = open_desk()
    await desk.fill()
    checkpoint(desk.path)
    overwrite(desk.path)
    for number in range(15):
        await desk.write(transitions=(edge(str(number)),))
    assert len(asides(desk.path)) == 1
    await desk.knows_what_a_new_run_must()


async def delete(path: Path) -> None:
    for one in (path, beside(path, "-wal"), beside(path, "-shm")):
        one.unlink()


async def delete_the_file_alone(path: Path) -> None:
    path.unlink()


async def delete_the_writes(path: Path) -> None:
    beside(path, "-wal").unlink()


async def move_the_folder_away(path: Path) -> None:
    """A new file in its place is empty; the old one is where nobody looks."""
    (path.parent / "elsewhere").mkdir()
    for one in (path, beside(path, "-wal"), beside(path, "-shm")):
        one.rename(one.parent / "elsewhere" / one.name)


async def put_a_backup_in_its_place(path: Path) -> None:
    older = Desk(path.with_name("backup.sqlite"))
    await older.write(values=(("silences", "of last week"),), transitions=(edge("of last week"),))
    await older.journal.close()
    older.path.rename(path)


async def put_garbage_in_its_place(path: Path) -> None:
    other = path.with_name("garbage")
    other.write_bytes(b"no database" * 5000)
    other.rename(path)


@pytest.mark.parametrize(
    "lose",
    [
        delete, delete_the_file_alone, delete_the_writes, move_the_folder_away, put_a_backup_in_its_place,
        put_garbage_in_its_place,
    ],
    ids=lambda one: one.__name__,
)  # fmt: skip
async def test_a_file_that_is_lost_from_sight_is_written_anew_with_all_that_it_had(open_desk, lose) -> None:
    desk = open_desk()
    await desk.fill(transitions=50)
    await lose(desk.path)
    assert await desk.write(transitions=(edge("afterwards"),)) is None
    names = await desk.names()
    assert set(map(str, range(1, 50))) <= set(names)
    assert names[-1] == "afterwards"
    await desk.knows_what_a_new_run_must()


async def test_another_programs_lock_is_waited_for(open_desk) -> None:
    desk = open_desk(patience_s=20.0)
    await desk.fill(transitions=1)
    holder = sqlite3.connect(desk.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    writing = desk.writing(transitions=(edge("waits"),))
    assert "waits" not in await desk.names()
    assert not writing.done()
    holder.execute("COMMIT")
    holder.close()
    assert await asyncio.wait_for(writing, 20) is None
    assert (await desk.names())[-1] == "waits"


async def test_a_lock_that_lasts_is_said_and_what_it_kept_off_is_written_after_it(open_desk) -> None:
    desk = open_desk(patience_s=0.05)
    await desk.fill(transitions=1)
    holder = sqlite3.connect(desk.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for number in range(3):
        error = await desk.write(
            transitions=(edge(f"kept off {number}"),),
            values=(("v", str(number)),),
            letters=(letter(f"l{number}"),),
        )
        assert "another program holds it" in str(error)
    holder.execute("COMMIT")
    holder.close()
    assert await desk.write() is None
    assert (await desk.names())[-3:] == ["kept off 0", "kept off 1", "kept off 2"]
    again = Journal(desk.path)
    again.open()
    assert again.value("v") == "2"
    assert {one.notice for one in again.take_waiting()} == {"open", "l0", "l1", "l2"}


async def test_a_disk_that_hangs_is_told_of_once_and_written_when_it_wakes(open_desk) -> None:
    desk = open_desk(patience_s=60.0)
    await desk.fill(transitions=1)
    holder = sqlite3.connect(desk.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")  # the writer hangs in its commit, and answers to nobody
    told: list[StoreError | None] = []
    desk.journal.append(Entry((edge("hung"),), written=told.append))
    desk.journal.hurry()
    assert told == []
    desk.journal.append(Entry((edge("later"),), written=told.append))
    desk.journal.hurry()
    assert ["the disk does not answer" in str(error) for error in told] == [True]
    holder.execute("COMMIT")
    holder.close()
    assert await desk.write() is None
    assert (len(told), told[-1]) == (2, None)
    assert (await desk.names())[-2:] == ["hung", "later"]


async def test_an_entry_that_no_disk_would_take_costs_itself_alone(open_desk) -> None:
    desk = open_desk()
    bad = replace(letter("bad"), body=None)  # type: ignore[arg-type]
    odd = replace(letter("odd"), body="\ud800")
    futures = [
        desk.writing(transitions=(edge("good 1"),)),
        desk.writing(transitions=(edge("bad"),), letters=(bad,)),
        desk.writing(transitions=(edge("odd"),), letters=(odd,)),
        desk.writing(transitions=(edge("good 2"),)),
    ]
    outcomes = await asyncio.wait_for(asyncio.gather(*futures), 20)
    assert [error is None for error in outcomes] == [True, False, False, True]
    assert await desk.names() == ["good 1", "good 2"]


async def test_a_row_that_no_disk_would_take_does_not_hold_up_what_waited_with_it(open_desk) -> None:
    desk = open_desk(patience_s=0.05)
    await desk.fill(transitions=1)
    holder = sqlite3.connect(desk.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    bad = replace(letter("bad"), body=None)  # type: ignore[arg-type]
    await desk.write(transitions=(edge("waited"),), letters=(bad,))
    holder.execute("COMMIT")
    holder.close()
    assert await desk.write(transitions=(edge("afterwards"),)) is None
    assert (await desk.names())[-2:] == ["waited", "afterwards"]


# -- before the start --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "least"),
    [(overwrite, 0), (spoil_pages, 20), (cut, 0)],
    ids=["garbage", "some pages", "cut in its middle"],
)  # fmt: skip
async def test_a_damaged_file_at_the_start_is_moved_aside_and_said(
    open_desk, caplog, spoil: Callable[[Path], None], least: int
) -> None:
    first = open_desk()
    await first.fill()
    await first.journal.close()
    whole = first.path.read_bytes()
    spoil(first.path)
    desk = open_desk()
    await desk.write(transitions=(edge("afterwards"),))
    names = await desk.names()
    assert names[-1] == "afterwards"
    assert len(names) > least
    [aside] = asides(desk.path)
    assert aside.stat().st_size <= len(whole)
    assert "was damaged; it is now journal.sqlite.corrupt-" in caplog.text
    await sound(desk.path)
    await desk.journal.close()
    assert aside.name in (open_desk().journal.loss or ""), "it is said until somebody has taken it away"


async def test_what_a_damaged_file_at_the_start_still_has_is_taken_over(open_desk) -> None:
    first = open_desk()
    await first.fill(transitions=4000)
    await first.journal.close()
    pages = first.path.stat().st_size // PAGE
    with first.path.open("r+b") as file:  # a page among those of the transitions, in the file's middle
        file.seek(pages // 2 * PAGE)
        file.write(b"\xa5" * PAGE)
    desk = open_desk()
    async with asyncio.timeout(20):  # the first look through the whole file goes on beside
        while not asides(desk.path):
            await desk.write()
    assert len(await desk.names()) > 3900
    await desk.knows_what_a_new_run_must()


async def test_an_empty_file_is_a_new_journal(open_desk, tmp_path) -> None:
    (tmp_path / "journal.sqlite").touch()
    desk = open_desk()
    assert await desk.write(transitions=(edge("first"),)) is None
    assert asides(desk.path) == []


async def test_two_damaged_files_of_one_second_have_two_names(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"
    for _ in range(3):
        path.write_bytes(b"no database at all" * 500)
        Journal(path).open()
    assert len(asides(path)) == 3


async def test_a_run_of_transitions_goes_on_behind_those_that_were_taken_over(open_desk) -> None:
    desk = open_desk()
    await desk.fill(transitions=10)
    spoil_pages(desk.path)
    await desk.journal.close()
    again = open_desk()
    await again.write(transitions=(edge("afterwards"),))
    ids = [row["id"] for row in await again.journal.history(limit=1000)]
    assert ids == sorted(set(ids), reverse=True)
