"""Shipments on a real server: once, and behind the fence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.alerts import letters as post
from agent.model import NoticeType, Receipt
from agent.store.entry import Entry
from agent.store.postgres.identity import Member
from agent.store.postgres.landing import SUPERSEDED
from agent.store.postgres.leases import release, take
from agent.store.postgres.shipping import Landed, Shipment, ship
from agent.store.rows import Deed
from agent.store.sheet import Sheet
from tests.agent.store.postgres.shipments import DESK, LONG, NOON, Run, edge, incident, letter, member

A, B = member("a"), member("b")


def rows(database, asked: str) -> list[tuple[object, ...]]:
    with database.admin() as connection:
        return connection.execute(asked).fetchall()


async def own(connection, who: Member) -> int:
    """Whoever has the desk gives it up; the epoch in which `who` has it then."""
    lease = await take(connection, DESK, who, LONG)
    if not lease.is_of(who):
        holder = Member(desk=who.desk, agent=lease.agent, instance=lease.instance, run=lease.run)
        await release(connection, DESK, holder, lease.epoch)
        lease = await take(connection, DESK, who, LONG)
    return lease.epoch


@pytest.fixture
async def one(connections):
    connection = await connections()
    await own(connection, A)
    return connection


async def test_all_of_an_entry_lands(one, database) -> None:
    deed = Deed(at=NOON, who="token", person="Asha", peer="127.0.0.1", what="ack", status=200)
    entry = Entry(
        (edge(),), (("k", "v"),), (incident(),), letters=(letter("n", 1, incident()),), deeds=(deed,)
    )
    assert await ship(one, A, [Run(A).ships(entry)], claims_in=None) == Landed(claimed=(), refused=0)
    for table in ("transition", "value", "incident", "outbox", "deed"):
        assert rows(database, f"SELECT desk, agent, epoch FROM openbell.{table}") == [("alpha", "a", 1)]


async def test_a_batch_lands_once_however_often_it_is_given(one, database) -> None:
    run = Run(A)
    batch = [run.ships(Entry((edge(str(number)),))) for number in range(5)]
    await ship(one, A, batch[:3], claims_in=None)
    await ship(one, A, batch[:4], claims_in=None)
    await ship(one, A, batch, claims_in=None)
    await ship(one, A, batch[:2], claims_in=None)
    assert rows(database, "SELECT after FROM openbell.transition ORDER BY id") == [
        (str(n),) for n in range(5)
    ]


async def test_each_run_counts_for_itself(one, database) -> None:
    first, second = Run(member("a", run="1")), Run(member("a", run="2"))
    batch = [first.ships(Entry((edge("1"),))), second.ships(Entry((edge("2"),)))]
    await ship(one, A, batch, claims_in=None)
    await ship(one, A, [*batch, second.ships(Entry((edge("3"),)))], claims_in=None)
    assert rows(database, "SELECT after FROM openbell.transition ORDER BY id") == [("1",), ("2",), ("3",)]


async def test_of_one_key_the_latest_in_a_batch_counts(one, database) -> None:
    run = Run(A)
    batch = [run.ships(Entry(values=(("k", str(number)),))) for number in range(3)]
    await ship(one, A, batch, claims_in=None)
    assert rows(database, "SELECT key, value FROM openbell.value") == [("k", "2")]


async def test_a_stale_epoch_changes_nothing_and_its_facts_land_once(one, database) -> None:
    known, told = incident("known"), letter("n", 1, incident("known"))
    run = Run(A)
    entry = Entry(values=(("k", "a"),), incidents=(known,), letters=(told,))
    await ship(one, A, [run.ships(entry)], claims_in=None)
    epoch = await own(one, B)
    await ship(one, B, [Run(B).ships(Entry(values=(("k", "b"),)), epoch)], claims_in=None)
    late = Entry(
        (edge("LATE"),),
        (("k", "stale"), ("new", "stale")),
        (replace(known, closed_at=NOON, message="stale"),),
        letters=(post.bury(told, "stale", NOON),),
        deeds=(Deed(at=NOON, who="token", person=None, peer="", what="ack", status=200),),
    )
    shipment = run.ships(late)
    assert (await ship(one, A, [shipment], claims_in=None)).refused == 4
    assert (await ship(one, A, [shipment], claims_in=None)).refused == 0
    assert rows(database, "SELECT key, value FROM openbell.value") == [("k", "b")]
    assert rows(database, "SELECT closed_at, message FROM openbell.incident") == [(None, "")]
    assert rows(database, "SELECT state FROM openbell.outbox") == [("pending",)]
    assert rows(database, "SELECT after, epoch FROM openbell.transition") == [("LATE", 1)]
    assert rows(database, "SELECT count(*) FROM openbell.deed") == [(1,)]


async def test_late_letters_of_incidents_that_have_ended_wait_and_those_of_open_ones_are_dropped(
    one, database
) -> None:
    await ship(
        one,
        A,
        [Run(A).ships(Entry(incidents=(incident("both"), incident("past", closed=True))))],
        claims_in=None,
    )
    await own(one, B)
    apart = Run(member("a", run="2"))
    closed, opened = incident("closed", closed=True), incident("open")
    letters = (
        letter("c1", 1, closed),
        letter("c2", 2, closed, group="alpha", type_=NoticeType.RECOVERY),
        letter("o1", 3, opened),
        letter("b1", 4, replace(incident("both"), closed_at=NOON)),
        letter("p1", 5, incident("past", closed=True)),
        letter("x1", 6),
        post.deliver(letter("o2", 7, opened), Receipt(status="200"), NOON),
    )
    late = Entry(incidents=(closed, opened, replace(incident("both"), closed_at=NOON)), letters=letters)
    landed = await ship(one, A, [apart.ships(late)], claims_in=None)
    assert rows(database, "SELECT notice, state FROM openbell.outbox ORDER BY seq") == [
        ("c1", "pending"), ("c2", "pending"), ("p1", "pending"), ("x1", "pending"), ("o2", "delivered"),
    ]  # fmt: skip
    assert rows(database, "SELECT id, closed_at IS NULL FROM openbell.incident ORDER BY id") == [
        ("both", True), ("closed", False), ("past", False),
    ]  # fmt: skip
    assert landed.refused == 4  # the open incident and the known one, a letter of each
    claimed = (await ship(one, B, (), claims_in=2)).claimed
    assert [one.notice for one in claimed] == ["c1", "c2", "p1", "x1"]


async def test_a_late_letter_of_a_stream_in_which_the_owner_has_written_is_dead(one, database) -> None:
    ended = incident("i", closed=True)
    epoch = await own(one, B)
    theirs = Entry(incidents=(ended,), letters=(letter("theirs", 1, ended),))
    await ship(one, B, [Run(B).ships(theirs, epoch)], claims_in=None)
    late = Entry(
        letters=(
            letter("late", 2, ended, type_=NoticeType.RECOVERY),
            letter("elsewhere", 3, ended, group="alpha"),
            post.deliver(letter("told", 4, ended), Receipt(status="200"), NOON),
        )
    )
    assert (await ship(one, A, [Run(A).ships(late)], claims_in=None)).refused == 0
    found = rows(database, "SELECT notice, state, last_error FROM openbell.outbox ORDER BY seq")
    assert found == [
        ("theirs", "pending", None),
        ("late", "dead", SUPERSEDED),
        ("elsewhere", "pending", None),
        ("told", "delivered", None),
    ]
    assert rows(database, "SELECT ended_at IS NULL FROM openbell.outbox WHERE notice = 'late'") == [(False,)]


async def test_what_a_former_run_of_the_owner_could_not_ship_is_the_owners_word(one, database) -> None:
    again = member("a", run="2")
    assert (await take(one, DESK, again, LONG)).epoch == 2
    batch = [
        Run(A).ships(Entry(values=(("k", "former"),)), 1),
        Run(again).ships(Entry(values=(("l", "new"),)), 2),
    ]
    assert (await ship(one, again, batch, claims_in=None)).refused == 0
    assert rows(database, "SELECT key, value FROM openbell.value ORDER BY key") == [
        ("k", "former"),
        ("l", "new"),
    ]


async def test_between_two_ownerships_another_was_owner_and_what_is_from_before_is_stale(
    one, database
) -> None:
    await own(one, B)
    again = member("a", run="2")
    assert await own(one, again) == 3
    batch = [Run(A).ships(Entry(values=(("k", "former"),)), 1)]
    assert (await ship(one, again, batch, claims_in=None)).refused == 1
    assert rows(database, "SELECT * FROM openbell.value") == []


async def test_one_who_never_owned_the_desk_is_no_owner_whatever_epoch_it_says(one, database) -> None:
    assert (await ship(one, B, [Run(B).ships(Entry(values=(("k", "v"),)), 1)], claims_in=1)).refused == 1
    assert (await ship(one, A, [Run(A).ships(Entry(values=(("k", "v"),)), 7)], claims_in=None)).refused == 1
    assert rows(database, "SELECT * FROM openbell.value") == []


async def test_of_a_desk_that_nobody_has_taken_all_is_taken_as_it_comes(connections, database) -> None:
    one = await connections()
    assert (await ship(one, A, [Run(A).ships(Entry(values=(("k", "v"),)), 0)], claims_in=None)).refused == 0
    assert rows(database, "SELECT value FROM openbell.value") == [("v",)]


async def test_desks_do_not_see_each_other(one, database) -> None:
    other = member("a", desk="beta")
    same = Entry(values=(("k", "alpha"),), incidents=(incident("i"),), letters=(letter("n", 1),))
    await ship(one, A, [Run(A).ships(same)], claims_in=None)
    await ship(one, other, [Run(replace(other, run="z")).ships(same, 0)], claims_in=None)
    for table in ("value", "incident", "outbox"):
        assert rows(database, f"SELECT desk FROM openbell.{table} ORDER BY desk") == [("alpha",), ("beta",)]


@pytest.mark.parametrize("is_owner", [True, False], ids=["owner", "late"])
async def test_a_row_that_cannot_be_shared_costs_itself_alone(one, database, caplog, is_owner) -> None:
    if not is_owner:
        await own(one, B)
    sheet = Sheet()
    sheet.put("transition", 1, (1, "the day after", "lead", "feed", None, None, "X", "", "", None))
    sheet.put("transition", 2, (2, NOON.isoformat(), "lead", "feed", None, None, "Y\0\ud800", "", "", None))
    sheet.put(
        "transition", 3, (3, NOON.isoformat(), "lead", "x" * 60_000, None, None, "Z", "", "", "i" * 30_000)
    )
    sheet.put(
        "transition", 4, (4, NOON.isoformat(), "machine", _noise(60_000), None, None, "Z", "", "", None)
    )
    sheet.put("value", "k", ("k", None))
    sheet.put("deed", 1, (NOON.isoformat(), "who", None, "", "what", 2**80))
    sheet.put("awake", 1, (1, 2, 3))
    shipment = Shipment(run="r", seq=1, epoch=1, sheet=sheet)
    await ship(one, A, [shipment], claims_in=None)
    found = rows(database, "SELECT after, length(name) FROM openbell.transition ORDER BY id")
    assert found == [("Y\ufffd?", 4), ("Z", 60_000)]
    assert caplog.text.count("cannot be shared") == 5
    assert rows(database, "SELECT seq FROM openbell.shipped") == [(1,)]


def _noise(length: int) -> str:
    """A text that does not become much shorter by being compressed."""
    import random

    return "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


async def test_what_another_agent_has_delivered_under_the_same_id_is_not_sent_again(one, database) -> None:
    epoch = await own(one, B)
    delivered = post.deliver(letter("n", 7, incident()), Receipt(status="200"), NOON)
    await ship(one, A, [Run(A).ships(Entry(letters=(delivered,)))], claims_in=None)
    again = replace(letter("n", 9, incident()), body='{"agent": "b"}')
    more = letter("m", 10, incident())
    landed = await ship(one, B, [Run(B).ships(Entry(letters=(again, more)), epoch)], claims_in=epoch)
    assert [(one.notice, one.state, one.body) for one in landed.told] == [("n", "delivered", delivered.body)]
    assert [one.notice for one in landed.claimed] == ["m"]
    assert rows(database, "SELECT notice, state, agent FROM openbell.outbox ORDER BY seq") == [
        ("n", "delivered", "a"), ("m", "pending", "b"),
    ]  # fmt: skip
