"""The SQL of the pages does what they say, on a real server, and agents work on with what it leaves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from agent.model import Subject, Transition
from agent.store.entry import Entry
from agent.store.keeping import Keeping
from agent.store.postgres.connecting import connect
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import take
from agent.store.postgres.pruning import prune
from agent.store.postgres.reading import SharedHistory
from agent.store.postgres.schema import bring_forward
from agent.store.postgres.shipping import Shipment, ship
from agent.store.sheet import sheet_of
from tests.postgres import PASSWORD, Database

from .pages import page, sections

SQL = re.compile(r"^ *```sql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(UPDATE [^`]+;)`")
MEMBER = Member(desk="mumbai", agent="mumbai-1", instance="folder", run="run")
NOW = datetime.now(UTC)


def blocks(name: str, section: str) -> list[str]:
    text = sections(page(name))[section].text
    return [*SQL.findall(text), *INLINE.findall(text)]


async def land(database: Database, *reasons: str, first: int = 1, at: datetime = NOW) -> None:
    """Ship a transition for each reason, as the owner of the desk."""
    connection = await connect(database.address)
    lease = await take(connection, MEMBER.resource, MEMBER, timedelta(minutes=1))
    for seq, reason in enumerate(reasons, start=first):
        edge = Transition(
            at=at, subject=Subject.LEAD, name="LIVE", group=None, before="A", after="B", reason=reason
        )
        shipment = Shipment(
            run="run", seq=seq, epoch=lease.epoch, sheet=sheet_of(Entry((edge,)), iter([seq]).__next__)
        )
        await ship(connection, MEMBER, [shipment], claims_in=lease.epoch)
    await connection.close()


async def reasons(database: Database) -> list[tuple[object, object]]:
    shared = SharedHistory(database.address, "mumbai")
    found = await shared.history()
    await shared.close()
    return [(row["id"], row["reason"]) for row in found]


async def test_a_partitioned_history_is_written_read_and_forgotten_as_before(database: Database) -> None:
    (partitioning,) = blocks("fleet-at-scale.md", "Partitions by day")
    await land(database, "FIRST", "SECOND")
    with database.admin() as connection:
        connection.execute("SET ROLE openbell")
        connection.execute(partitioning)
    in_its_day = datetime(2026, 12, 1, 5, tzinfo=UTC)
    await land(database, "THIRD", first=3, at=in_its_day)
    await land(database, "FOURTH", first=4)
    assert await reasons(database) == [(4, "FOURTH"), (3, "THIRD"), (2, "SECOND"), (1, "FIRST")]
    with database.admin() as connection:
        placed = connection.execute("SELECT reason FROM openbell.transition_2026_12_01").fetchall()
    assert ("THIRD",) in placed

    connection = await connect(database.address)
    await bring_forward(connection, database.address)
    day = timedelta(days=1)
    keeping = Keeping(history=day, notices=day, reports=day, max_bytes=10**9)
    await prune(connection, "mumbai", keeping.limits(max(NOW, in_its_day) + 2 * day))
    await connection.close()
    assert await reasons(database) == []


async def test_the_settings_of_autovacuum_are_taken(database: Database) -> None:
    (settings,) = blocks("fleet-at-scale.md", "What breaks first, in this order")
    with database.admin() as connection:
        connection.execute("SET ROLE openbell")
        connection.execute(settings)
    await land(database, "ONLY")


async def test_a_restored_database_gives_out_epochs_ahead_of_all_in_use(
    database: Database,
) -> None:
    await land(database, "BEFORE")
    (raising,) = blocks("shared-store.md", "Backup and restore")
    with database.admin() as connection:
        connection.execute(
            "INSERT INTO openbell.agent (name, desk, instance, run, role, started_at, changed_at) "
            "VALUES ('mumbai-1', 'mumbai', 'folder', 'run', 'owner', now(), now())"
        )
        connection.execute(raising)
        assert connection.execute("SELECT FROM openbell.agent WHERE ended_at IS NULL").fetchall() == []
    other = Member(desk="mumbai", agent="mumbai-2", instance="other", run="other")
    connection = await connect(database.address)
    lease = await take(connection, other.resource, other, timedelta(minutes=1))
    await connection.close()
    assert lease.is_of(other)
    assert lease.epoch > 1_000_000


async def test_a_role_with_the_rights_of_the_page_is_enough_where_the_schema_stands(
    database: Database,
) -> None:
    _, grants = blocks("shared-store.md", "Setting it up")
    with database.admin() as connection:
        connection.execute(f"CREATE ROLE openbell_agents LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(grants)
    try:
        limited = database.cluster.url(database.name, user="openbell_agents")
        address = type(database.address)(limited)
        connection = await connect(address)
        await bring_forward(connection, address)
        await take(connection, MEMBER.resource, MEMBER, timedelta(minutes=1))
        await connection.close()
    finally:
        with database.admin() as connection:
            connection.execute("DROP OWNED BY openbell_agents; DROP ROLE openbell_agents")


def test_the_role_and_database_of_the_page_can_be_made(empty_database: Database) -> None:
    making, _ = blocks("shared-store.md", "Setting it up")
    made = re.sub(r"\b(ROLE|OWNER|DATABASE) openbell\b", r"\1 openbell_made", making)
    with empty_database.admin() as connection:
        for statement in filter(str.strip, made.split(";")):
            connection.execute(statement)
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'openbell_made'"
        ).fetchone()
        connection.execute("DROP DATABASE openbell_made")
        connection.execute("DROP ROLE openbell_made")
    assert owner == ("openbell_made",)


@pytest.mark.parametrize("name", ["shared-store.md", "fleet-at-scale.md"])
def test_no_sql_of_these_pages_is_left_untried(name: str) -> None:
    tried = {
        "shared-store.md": ["Setting it up", "Backup and restore"],
        "fleet-at-scale.md": ["Partitions by day", "What breaks first, in this order"],
    }
    assert sum(len(blocks(name, section)) for section in tried[name]) == len(
        [*SQL.findall(page(name)), *INLINE.findall(page(name))]
    )
