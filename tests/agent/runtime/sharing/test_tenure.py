"""A desk that changes hands, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from agent.fleet.rows import Role
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.tenure import Tenure
from agent.store.postgres.connecting import Address, Connection, SharedStoreError
from agent.store.postgres.identity import Member
from agent.store.postgres.waking import wake
from agent.testing import ManualClock
from tests.postgres import Database, prepare, running_cluster

LASTS = timedelta(seconds=3)


class One:
    """An agent's tenure, turned by hand."""

    def __init__(self, address: object, name: str, run: str = "1") -> None:
        self.clock = ManualClock()
        self.link = Link(address)
        self.beats: list[Role] = []
        self.fault: Exception | None = None
        self.entering: str | None = None
        self.seen: list[bool] = []
        self.words: list[str] = []
        self.entered = 0
        self.member = Member(desk="main", agent=name, instance=f"folder-{name}", run=f"{name}-{run}")
        self.tenure = Tenure(
            self.link,
            self.member,
            clock=self.clock,
            lasts=LASTS,
            enter=self._enter,
            beat=self._beat,
            woken=self.words.append,
        )

    async def _enter(self, connection: Connection) -> None:
        self.entered += 1
        if self.entering is not None:
            await connection.execute(self.entering)

    async def _beat(self, connection: object, role: Role, is_seen: bool) -> None:
        self.beats.append(role)
        self.seen.append(is_seen)
        if self.fault is not None:
            raise self.fault

    async def turns(self, seconds: float = 0.0) -> Role:
        await self.clock.advance(seconds)
        await self.tenure.turn()
        return self.tenure.role


Make = Callable[..., One]


@pytest.fixture
async def make(database: Database) -> AsyncIterator[Make]:
    made: list[One] = []

    def one(name: str, run: str = "1") -> One:
        made.append(One(database.address, name, run))
        return made[-1]

    yield one
    for each in made:
        each.link.drop()


def lapse(database: Database) -> None:
    with database.admin() as connection:
        connection.execute("UPDATE openbell.lease SET ends_at = clock_timestamp() - interval '1 ms'")


async def test_the_first_owns_the_desk_and_the_second_stands_by(make: Make) -> None:
    a, b = make("a"), make("b")
    assert await a.turns() is Role.OWNER
    assert await b.turns() is Role.STANDBY
    assert (a.entered, b.entered) == (1, 1)
    assert (b.tenure.lease.agent, b.beats, a.beats) == ("a", [Role.STANDBY], [Role.OWNER])


async def test_a_lapsed_lease_is_taken_by_who_was_in_touch_all_the_while(make: Make, database) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    assert await b.turns() is Role.STANDBY
    lapse(database)
    assert await b.turns(2.9) is Role.STANDBY, "it could not have seen whether the owner renews it"
    assert await b.turns(0.2) is Role.OWNER
    assert b.tenure.seat.epoch == 2
    assert await a.turns() is Role.STANDBY
    assert not a.tenure.is_willing, "what ran by the lease has to end first"


@pytest.mark.parametrize("fault", [SharedStoreError("a table is locked"), KeyError("a defect")], ids=str)
async def test_what_fails_once_the_lease_is_renewed_is_told_and_costs_no_desk(
    make: Make, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    a = make("a")
    a.fault = fault
    assert await a.turns() is Role.OWNER
    assert await a.turns(1.0) is Role.OWNER
    assert a.tenure.trouble is None, "it may pass"
    for _ in range(40):
        assert await a.turns(1.0) is Role.OWNER
    assert not a.tenure.is_alone
    assert str(fault) in str(a.tenure.trouble)
    a.fault = None
    await a.turns(1.0)
    assert a.tenure.trouble is None
    assert [one.levelname for one in caplog.records].count("WARNING") <= 1, "once when it goes"


async def test_who_can_say_nothing_of_itself_takes_a_lapsed_lease_all_the_same(make: Make, database) -> None:
    a, b = make("a"), make("b")
    b.fault = SharedStoreError("a table is locked")
    await a.turns()
    await b.turns()
    lapse(database)
    assert await b.turns(3.1) is Role.OWNER


async def test_an_owner_whose_lease_ran_out_goes_on_where_nobody_took_it(make: Make, database) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    await b.turns(5.0)
    lapse(database)
    assert await a.turns(10.0) is Role.OWNER
    assert a.tenure.seat.epoch == 1
    assert await b.turns(5.0) is Role.STANDBY


async def test_one_that_was_let_go_is_taken_at_once(make: Make) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    await b.turns()
    await a.tenure.give_up()
    assert not a.tenure.may_send
    assert await b.turns() is Role.OWNER
    assert await a.turns() is Role.STANDBY


async def test_a_stopped_owner_may_do_nothing_when_it_goes_on(make: Make, database) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    assert a.tenure.may_send
    await a.clock.advance(8.0)
    assert not a.tenure.may_send, "before anything was heard"
    lapse(database)
    await b.turns()
    assert await b.turns(3.0) is Role.OWNER
    assert await a.turns() is Role.STANDBY


async def test_who_is_back_after_another_has_owned_the_desk_begins_anew(make: Make, database) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    lapse(database)
    await b.turns()
    await b.turns(3.0)
    await b.tenure.give_up()
    assert await a.turns() is Role.STANDBY, "though the lease is free: what it knows is of another time"
    a.tenure.is_willing = True
    assert await a.turns() is Role.OWNER
    assert a.tenure.seat.epoch == 4


async def test_a_new_run_of_the_owner_has_the_desk_at_once(make: Make) -> None:
    await make("a").turns()
    again = make("a", run="2")
    assert await again.turns() is Role.OWNER
    assert again.tenure.seat.epoch == 2


async def test_of_two_processes_with_copies_of_one_folder_the_former_leaves_it_to_the_latter(
    make: Make,
) -> None:
    one, copy = make("a"), make("a", run="2")
    assert await one.turns() is Role.OWNER
    assert await copy.turns() is Role.OWNER
    assert await one.turns() is Role.STANDBY
    assert "has a copy of this data folder and has taken the desk; stop one of them" in str(one.tenure.fatal)
    assert await copy.turns() is Role.OWNER
    assert copy.tenure.fatal is None


async def test_what_began_without_the_store_goes_on_as_the_owner_that_it_was(make: Make) -> None:
    a = make("a")
    await a.turns()
    again = make("a", run="2")
    again.tenure.keep(1)
    assert again.tenure.role is Role.ALONE
    assert await again.turns() is Role.OWNER
    assert again.tenure.seat.epoch == 2


async def test_what_began_without_the_store_gives_way_to_who_owns_the_desk_since(make: Make) -> None:
    a, b = make("a"), make("b")
    await b.turns()
    a.tenure.keep(0)
    assert await a.turns() is Role.STANDBY


async def test_a_server_that_goes_and_comes_back_costs_the_owner_nothing() -> None:
    with running_cluster() as cluster:
        database = Database(cluster, cluster.create())
        await prepare(database.address)
        a, b = One(database.address, "a"), One(database.address, "b")
        await a.turns()
        await b.turns()
        cluster.stop_immediately()
        assert await a.turns(1.0) is Role.OWNER, "its lease still holds"
        assert await b.turns(1.0) is Role.STANDBY
        assert await a.turns(4.0) is Role.ALONE
        assert "nobody listens there" in str(a.tenure.trouble)
        assert not a.tenure.may_send
        for _ in range(30):
            await a.turns(1.0)
        assert a.tenure.may_send, "half a minute alone"
        cluster.start()
        assert await b.turns(0.5) is Role.STANDBY, "though the lease has ended: give its owner time"
        assert await a.turns(0.5) is Role.OWNER
        assert (a.tenure.seat.epoch, a.tenure.trouble) == (1, None)
        assert await b.turns(3.0) is Role.STANDBY
        for one in (a, b):
            one.link.drop()


async def test_one_that_waits_for_the_tables_can_be_ended_meanwhile(make: Make) -> None:
    a = make("a")
    a.entering = "SELECT pg_sleep(60)"
    a.tenure.keep(0)
    turning = asyncio.ensure_future(a.tenure.turn())
    async with asyncio.timeout(10):
        while not a.entered:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        await a.tenure.give_up()
        await turning
    assert a.tenure.role is Role.STANDBY


@asynccontextmanager
async def swallowing_words(port: int) -> AsyncIterator[int]:
    """A pooler that passes on all but wake-ups, and the server's own process ids; gives its port."""

    async def up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    handling: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        asking = asyncio.ensure_future(up(reader, server_writer))
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await server_reader.readexactly(5)
                body = await server_reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] != b"A":
                    writer.write(head + body)
        writer.close()
        await asking

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, handling))


async def test_one_whose_pooler_keeps_the_wake_ups_to_itself_owns_its_desk(database: Database) -> None:
    async with swallowing_words(database.cluster.port) as port:
        url = database.url.replace(f":{database.cluster.port}/", f":{port}/") + "?sslmode=disable"
        a = One(Address(url), "a")
        assert await a.turns() is Role.OWNER
        assert a.tenure.error is None
        a.link.drop()


async def test_an_owner_is_seen_with_its_renewal(make: Make, database) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    await a.turns()
    await b.turns()
    assert (a.seen, b.seen) == ([False, False], [False]), "nobody of the name has entered"
    with database.admin() as connection:
        connection.execute(
            "INSERT INTO openbell.beat (agent, run, seen_at) VALUES ('a', 'a-1', clock_timestamp())"
        )
    await a.turns()
    assert a.seen[-1]


async def test_only_a_word_of_its_own_lease_is_worth_a_turn(make: Make) -> None:
    a, b = make("a"), make("b")
    await a.turns()
    running = asyncio.ensure_future(b.tenure.run())
    await until(lambda: len(b.beats) == 1)
    async with a.link.use(5) as connection:
        for word in ("fleet", "lease/desk/other", "letters/main"):
            await wake(connection, word)
    await until(lambda: len(b.words) == 3)
    assert len(b.beats) == 1
    await a.tenure.give_up()
    await until(lambda: b.tenure.role is Role.OWNER)
    assert b.words == ["fleet", "lease/desk/other", "letters/main", "lease/desk/main"]
    running.cancel()


async def test_an_agent_that_rests_hears_at_once_that_the_server_has_gone(make: Make, database) -> None:
    a = make("a")
    running = asyncio.ensure_future(a.tenure.run())
    await until(lambda: len(a.beats) == 1)
    with database.admin() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await until(lambda: len(a.beats) == 2 or a.tenure.error is not None)
    running.cancel()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
