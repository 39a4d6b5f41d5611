"""An agent among others, from its start to its end, on a real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter, LetterState
from agent.clock import SystemClock
from agent.config.loading import load
from agent.errors import StoreError
from agent.fleet.rows import Role
from agent.model import NoticeType, Receipt, Severity
from agent.runtime.sharing.membership import Membership
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.silences import KEY as SILENCES
from tests.postgres import Database, prepare, running_cluster

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
CONFIG = """
name = "{name}"
environment = "simulated"
[store]
url = "{url}"
desk = "main"
takeover = "2s"
[machines.market]
kind = "market"
segment = "NSE_EQ"
"""


class Ahead(SystemClock):
    """The clock of a machine that is four minutes ahead."""

    def wall(self) -> datetime:
        return super().wall() + timedelta(minutes=4)


class Settable(SystemClock):
    """One that somebody sets."""

    set_by = timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + self.set_by


class Hasty(SystemClock):
    """One that can be put forward."""

    passed_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s


def letter(id_: str = "n.desk", seq: int = 1) -> Letter:
    return Letter(
        id=id_,
        seq=seq,
        notice=id_.partition(".")[0],
        address=Address(notifier="desk"),
        stream="one",
        type=NoticeType.PROBLEM,
        code="FEED_STALE",
        severity=Severity.CRITICAL,
        body="{}",
        created_at=NOON,
        next_at=NOON,
        expires_at=NOON + timedelta(days=400),
    )


class Runs:
    """What a membership needs of the agent that runs."""

    def __init__(self, member: Membership) -> None:
        self.sent: list[str] = []
        self.blueprint = member.presence.blueprint
        self.notifiers = self
        self.gate = member.gate(lambda letters: self.sent.extend(one.id for one in letters))
        member.serve(self)

    def wake(self) -> None:
        pass

    def deliver(self, name: str, report: object) -> None:
        pass

    def said(self) -> None:
        return None


Make = Callable[..., Membership]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes members, and ends those that have begun."""
    made: list[Membership] = []

    def one(url: str, name: str, folder: str | None = None, clock: SystemClock | None = None) -> Membership:
        place = tmp_path / (folder or name)
        place.mkdir(exist_ok=True)
        config = place / "agent.toml"
        config.write_text(CONFIG.format(name=name, url=url))
        config.chmod(0o600)
        made.append(
            Membership(load(config, {}), clock=clock or SystemClock(), base_url=f"http://{name}.example")
        )
        return made[-1]

    yield one
    for each in made:
        if each.has_begun:
            await each.end()


async def eventually(holds: Callable[[], object | Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.02)


async def test_a_letter_is_sent_once_it_is_claimed(make: Make, database: Database) -> None:
    member = make(database.url, "a")
    await member.begin()
    await member.owned()
    agent = Runs(member)
    member.journal.append(Entry(letters=(letter(),), written=lambda error: agent.gate.put([letter()])))
    await eventually(lambda: agent.sent == ["n.desk"])
    with database.admin() as connection:
        found = connection.execute("SELECT id, claim_epoch, state FROM openbell.outbox").fetchall()
    assert found == [("n.desk", 1, "pending")]
    assert member.permit()


async def test_the_next_owner_knows_what_the_former_one_did_and_sends_what_it_left(
    make: Make, database: Database
) -> None:
    a, b = make(database.url, "a"), make(database.url, "b")
    await a.begin()
    await a.owned()
    await b.begin()
    assert b.tenure.role is Role.STANDBY
    assert not b.permit()
    a.journal.append(Entry(letters=(letter(),), values=((SILENCES, "[1]"), ("web:sessions", "own"))))
    assert await a.has_standby() is (await b.has_standby() is False)
    await a.parted()
    await b.owned()
    agent = Runs(b)
    assert b.journal.value(SILENCES) == "[1]"
    assert b.journal.value("web:sessions") is None
    assert b.ids == a.ids
    await eventually(lambda: agent.sent == ["n.desk"])
    assert b.tenure.seat.epoch == 2
    assert not a.permit()


async def test_nothing_is_claimed_before_there_is_somebody_to_send_it(make: Make, database: Database) -> None:
    member = make(database.url, "a")
    await member.begin()
    await member.owned()
    member.journal.append(Entry(letters=(letter(),)))
    await member.journal.flush()
    await member.shipper.drain()
    with database.admin() as connection:
        assert connection.execute("SELECT claim_epoch FROM openbell.outbox").fetchall() == [(None,)]
    agent = Runs(member)
    await eventually(lambda: agent.sent == ["n.desk"])


async def test_what_a_former_run_left_here_and_another_delivered_is_not_sent_again(
    make: Make, database: Database
) -> None:
    a = make(database.url, "a")
    await a.begin()
    await a.owned()
    a.journal.append(Entry(letters=(letter(),)))
    await a.parted()
    await a.end()
    with database.admin() as connection:
        connection.execute("UPDATE openbell.outbox SET state = 'delivered', ended_at = now()")
    again = make(database.url, "a")
    await again.begin()
    await again.owned()
    assert again.journal.take_waiting() == []
    await again.journal.flush()
    found = await again.local.letter("n.desk")
    assert found is not None
    assert found.state is LetterState.DELIVERED


async def test_a_desk_in_an_emptied_store_gives_other_ids(make: Make, database: Database) -> None:
    one = make(database.url, "a")
    await one.begin()
    await one.owned()
    await one.end()
    with database.admin() as connection:
        connection.execute("TRUNCATE openbell.value, openbell.lease, openbell.agent, openbell.shipped")
    other = make(database.url, "a", folder="emptied")
    await other.begin()
    await other.owned()
    assert one.ids != other.ids


async def test_what_another_agent_told_under_the_same_id_is_not_told_again(
    make: Make, database: Database
) -> None:
    a, b = make(database.url, "a"), make(database.url, "b")
    await a.begin()
    await a.owned()
    told = post.deliver(letter(), Receipt(status="200"), NOON)
    a.journal.append(Entry(letters=(told,)))
    await a.parted()
    await b.begin()
    await b.owned()
    agent = Runs(b)
    fresh = (letter(seq=5), letter("other.desk", 6))
    b.journal.append(Entry(letters=fresh, written=lambda error: agent.gate.put(fresh)))
    await eventually(lambda: agent.sent == ["other.desk"])
    await eventually(lambda: letters_of(b, LetterState.DELIVERED, "n.desk"))


async def test_who_stands_by_learns_what_became_of_the_letters_that_it_left(
    make: Make, database: Database
) -> None:
    a, b = make(database.url, "a"), make(database.url, "b")
    await a.begin()
    await a.owned()
    for one in (letter("told.desk", 1), letter("waits.desk", 2), letter("dropped.desk", 3)):
        a.journal.append(Entry(letters=(one,)))
    await b.begin()
    await a.parted()
    await b.owned()
    with database.admin() as connection:
        connection.execute("UPDATE openbell.outbox SET state = 'delivered' WHERE id = 'told.desk'")
        connection.execute("DELETE FROM openbell.outbox WHERE id = 'dropped.desk'")
    await eventually(lambda: letters_of(a, LetterState.PENDING, "waits.desk"))
    assert [one.id for one in await a.local.letters(state=LetterState.DELIVERED)] == ["told.desk"]
    (dropped,) = await a.local.letters(state=LetterState.DEAD)
    assert str(dropped.last_error).startswith("superseded")


async def letters_of(member: Membership, state: LetterState, *ids: str) -> bool:
    return [one.id for one in await member.local.letters(state=state)] == [*ids]


async def test_what_an_agent_knew_alone_is_the_beginning_of_its_desk(make: Make, database: Database) -> None:
    """Its journal is years old, and `[store] url` is new."""
    folder = make(database.url, "a").folder
    folder.mkdir()
    former = Journal(folder / "journal.sqlite")
    former.open()
    former.start()
    former.append(Entry(letters=(letter(),), values=((SILENCES, "[1]"), ("web:sessions", "own"))))
    await former.close()
    member = make(database.url, "a")
    await member.begin()
    await member.owned()
    agent = Runs(member)
    agent.gate.put(member.journal.take_waiting())
    await eventually(lambda: agent.sent == ["n.desk"])
    keys = "SELECT key FROM openbell.value ORDER BY key"
    with database.admin() as connection:
        await eventually(lambda: connection.execute(keys).fetchall() == [("core:salt",), (SILENCES,)])


async def test_a_second_agent_of_the_same_name_is_refused(make: Make, database: Database) -> None:
    await make(database.url, "a").begin()
    second = make(database.url, "a", folder="elsewhere")
    with pytest.raises(StoreError, match=r"another agent is named a: at .*, seen .* s ago; give one of them"):
        await second.begin()


async def test_one_whose_name_was_taken_while_it_was_out_of_touch_says_so_and_goes_on(
    make: Make, database: Database
) -> None:
    member = make(database.url, "a")
    await member.begin()
    with database.admin() as connection:
        connection.execute("UPDATE openbell.agent SET run = 'other', instance = 'other'")
        connection.execute("UPDATE openbell.beat SET run = 'other'")
    await eventually(lambda: member.trouble() is not None)
    assert "another agent is named a: at" in str(member.trouble())
    assert member.tenure.role is Role.OWNER


async def test_one_that_was_taken_off_the_list_enters_itself_again(make: Make, database: Database) -> None:
    member = make(database.url, "a")
    await member.begin()
    with database.admin() as connection:
        connection.execute("DELETE FROM openbell.agent")
        connection.execute("DELETE FROM openbell.beat")
        await eventually(lambda: connection.execute("SELECT name FROM openbell.agent").fetchall() == [("a",)])
    assert member.trouble() is None


async def test_a_clock_minutes_off_keeps_the_agent_from_starting_and_changes_nothing(
    make: Make, database: Database
) -> None:
    with pytest.raises(StoreError, match=r"clock is (4m|3m59).* ahead of the database's; have both follow"):
        await make(database.url, "a", clock=Ahead()).begin()
    with database.admin() as connection:
        assert connection.execute("SELECT count(*) FROM openbell.agent").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM openbell.lease").fetchone() == (0,)


async def test_a_clock_that_is_set_later_costs_no_desk_and_is_told_until_it_is_right(
    make: Make, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Settable()
    member = make(database.url, "a", clock=clock)
    await member.begin()
    await member.owned()
    with database.admin() as connection:

        def told_s() -> int | None:
            row = connection.execute("SELECT clock_offset_ms FROM openbell.beat").fetchone()
            return round(row[0] / 1000) if row is not None and row[0] is not None else None

        await eventually(lambda: told_s() == 0)
        assert member.clock_trouble() is None
        clock.set_by = timedelta(minutes=-3)
        await eventually(lambda: told_s() == -180)
        assert re.search(r"clock is (2m59s|3m|3m1s) behind the database's; have", str(member.clock_trouble()))
        assert (member.tenure.role, member.trouble()) == (Role.OWNER, None)
        clock.set_by = timedelta(0)
        await eventually(lambda: told_s() == 0)
    assert member.clock_trouble() is None
    assert [one.levelname for one in caplog.records if "machine's clock" in one.message] == ["WARNING"]


async def test_an_agent_starts_without_the_store_and_joins_it_later_with_all_that_it_did(make: Make) -> None:
    with running_cluster() as cluster:
        database = Database(cluster, cluster.create())
        await prepare(database.address)
        cluster.stop_immediately()
        member = make(database.url, "a")
        await member.begin()
        await member.owned()
        assert member.tenure.role is Role.ALONE
        agent = Runs(member)
        agent.gate.put([letter()])
        member.journal.append(Entry(letters=(letter(),)))
        await member.journal.flush()
        assert not member.permit(), "somebody else may own the desk, and half a minute has not passed"
        cluster.start()
        await eventually(lambda: agent.sent == ["n.desk"])
        assert member.tenure.role is Role.OWNER
        await eventually(lambda: member.trouble() is None)
        assert [one.id for one in await member.journal.letters()] == ["n.desk"]
        await member.end()


async def test_an_owner_that_can_ship_nothing_says_so_and_sends_what_is_critical_itself(
    make: Make, database: Database
) -> None:
    """The lease is renewed all the while: nobody else can send it."""
    clock = Hasty()
    member = make(database.url, "a", clock=clock)
    await member.begin()
    await member.owned()
    agent = Runs(member)
    with database.admin() as connection:
        with connection.transaction():
            connection.execute("LOCK TABLE openbell.outbox IN ACCESS EXCLUSIVE MODE")
            member.journal.append(Entry(letters=(letter(),), written=lambda _: agent.gate.put([letter()])))
            await eventually(lambda: member.shipper.error is not None)
            assert (member.trouble(), agent.sent) == (None, [])
            clock.passed_s = 31.0
            await eventually(lambda: agent.sent == ["n.desk"])
            assert member.tenure.role is Role.OWNER
            assert "the server was held up" in str(member.trouble())
        await eventually(lambda: member.trouble() is None)
        found = connection.execute("SELECT id, claim_epoch FROM openbell.outbox").fetchall()
    assert (found, agent.sent) == ([("n.desk", 1)], ["n.desk"])


async def test_a_defect_costs_no_desk_and_ends_none_of_the_tasks(make: Make, database: Database) -> None:
    class Faulty(Runs):
        faults = 0

        def wake(self) -> None:
            self._fail()

        def said(self) -> None:
            self._fail()

        def deliver(self, name: str, report: object) -> None:
            self._fail()

        def _fail(self) -> None:
            self.faults += 1
            raise KeyError("a defect")

    member = make(database.url, "a")
    await member.begin()
    await member.owned()
    agent = Faulty(member)
    member.journal.append(Entry(letters=(letter(),), written=lambda _: agent.gate.put([letter()])))
    await eventually(lambda: agent.sent == ["n.desk"] and agent.faults > 6)
    assert "a defect" in str(member.tenure.error)
    with database.admin() as connection:
        connection.execute("UPDATE openbell.lease SET agent = 'b', instance = 'b', run = 'b', epoch = 2")
    await eventually(lambda: member.tenure.role is Role.STANDBY)


async def test_an_owner_that_starts_again_waits_for_no_table_to_say_what_it_knows(
    make: Make, database: Database
) -> None:
    a = make(database.url, "a")
    await a.begin()
    await a.owned()
    a.journal.append(Entry(values=((SILENCES, "[1]"),)))
    await a.end()
    again = make(database.url, "a")
    with database.admin() as connection, connection.transaction():
        connection.execute("LOCK TABLE openbell.value IN ACCESS EXCLUSIVE MODE")
        await again.begin()
        async with asyncio.timeout(10):
            await again.owned()
    assert (again.tenure.role, again.journal.value(SILENCES)) == (Role.OWNER, "[1]")


async def test_who_takes_over_waits_until_it_knows_what_the_former_owner_knew(
    make: Make, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = make(database.url, "a"), make(database.url, "b")
    await a.begin()
    await a.owned()
    await b.begin()
    a.journal.append(Entry(values=((SILENCES, "[1]"),)))
    await a.parted()
    with database.admin() as connection, connection.transaction():
        connection.execute("LOCK TABLE openbell.value IN ACCESS EXCLUSIVE MODE")
        owning = asyncio.ensure_future(b.owned())
        await eventually(lambda: "what the desk's former owner knew cannot be read" in caplog.text)
        assert not owning.done()
    await owning
    assert b.journal.value(SILENCES) == "[1]"


@pytest.mark.parametrize(("name", "role"), [("a", Role.ALONE), ("b", Role.STANDBY)])
async def test_without_the_store_only_the_former_owner_begins(make: Make, name: str, role: Role) -> None:
    with running_cluster() as cluster:
        database = Database(cluster, cluster.create())
        a, b = make(database.url, "a"), make(database.url, "b")
        await a.begin()
        await a.owned()
        await b.begin()
        await b.end()
        await a.end()
        cluster.stop_immediately()
        again = make(database.url, name)
        await again.begin()
        assert again.tenure.role is role
        cluster.start()
        await eventually(lambda: again.tenure.role is Role.OWNER)
        await again.owned()
        await again.end()


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'serializable'",
        "search_path = ''",
        "statement_timeout = '200ms'",
        "standard_conforming_strings = off",
        "timezone = 'Asia/Kolkata'",
    ],
)
async def test_a_desk_changes_hands_whatever_the_database_is_set_to(
    make: Make, empty_database: Database, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    with empty_database.admin() as connection:
        connection.execute(f"ALTER DATABASE {empty_database.name} SET {setting}")
    a, b = make(empty_database.url, "a"), make(empty_database.url, "b")
    await a.begin()
    await a.owned()
    await b.begin()
    first = Runs(a)
    a.journal.append(Entry(letters=(letter(),), values=((SILENCES, "[1]"),)))
    await eventually(lambda: first.sent == ["n.desk"])
    assert [one.created_at for one in await a.journal.letters()] == [NOON]
    assert {one.name for one in (await a.outlook.view.present()).document.agents} == {"a", "b"}
    await a.parted()
    await b.owned()
    second = Runs(b)
    await eventually(lambda: second.sent == ["n.desk"])
    assert b.journal.value(SILENCES) == "[1]"
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("datestyle = 'German'", "dates as German, DMY for this user; .* SET datestyle = 'ISO'"),
        ("intervalstyle = 'iso_8601'", "durations as iso_8601 for .* SET intervalstyle = 'postgres'"),
    ],
)
async def test_instants_that_cannot_be_read_keep_the_agent_from_starting_and_are_explained(
    make: Make, empty_database: Database, setting: str, said: str
) -> None:
    with empty_database.admin() as connection:
        connection.execute(f"ALTER DATABASE {empty_database.name} SET {setting}")
    with pytest.raises(StoreError, match=said):
        await make(empty_database.url, "a").begin()
