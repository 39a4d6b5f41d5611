"""The fleet in the shared store: who there is, that they live, what they say, and who has which lease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.fleet.rows import SILENT_AFTER, AgentRow, BeatRow, FleetRows, Forgotten, LeaseRow, Role
from agent.store.postgres.connecting import Connection, SharedStoreError, speaking, writing
from agent.store.postgres.identity import Member
from agent.store.postgres.waking import CHANNEL

NEWS = "fleet"
"""The word that wakes those who look at the fleet."""

OVERLAP = timedelta(seconds=10)
"""A change is seen when its transaction ends, which is some seconds after its instant at the latest."""

REGISTER = """
INSERT INTO openbell.agent AS known
    (name, desk, instance, run, role, url, host, version, config_hash, started_at, changed_at, ended_at, word)
VALUES (%(agent)s, %(desk)s, %(instance)s, %(run)s, 'standby', %(url)s, %(host)s, %(version)s,
    %(config_hash)s, %(started_at)s, clock_timestamp(), NULL, NULL)
ON CONFLICT (name) DO UPDATE SET
    desk = excluded.desk, instance = excluded.instance, run = excluded.run, role = excluded.role,
    url = excluded.url, host = excluded.host, version = excluded.version,
    config_hash = excluded.config_hash, started_at = excluded.started_at,
    changed_at = excluded.changed_at, ended_at = NULL, word = NULL
WHERE known.instance = excluded.instance OR known.ended_at IS NOT NULL OR (
    known.changed_at <= clock_timestamp() - %(silent)s AND NOT EXISTS (
        SELECT FROM openbell.beat WHERE agent = known.name AND seen_at > clock_timestamp() - %(silent)s))
RETURNING name
"""

FIRST_BEAT = """
INSERT INTO openbell.beat (agent, run, seen_at, clock_offset_ms)
VALUES (%(agent)s, %(run)s, clock_timestamp(), NULL)
ON CONFLICT (agent) DO UPDATE SET run = excluded.run, seen_at = excluded.seen_at, clock_offset_ms = NULL
"""

RIVAL = """
SELECT host, greatest(changed_at, seen_at), clock_timestamp()
FROM openbell.agent LEFT JOIN openbell.beat ON agent = name WHERE name = %s
"""

CALM = timedelta(seconds=1)
"""A word goes to every agent there is: a change so soon after another's is not told, and seen by looking."""

HEAD = r"""^\{"status":"[^"]*","code":"[^"]*","severity":"[^"]*"""
"""How a word begins: with what others are woken for."""

BEAT = f"""
WITH quickly AS MATERIALIZED (
    SELECT CASE WHEN %(word)s::text IS NULL THEN set_config('synchronous_commit', 'off', true) END),
former AS MATERIALIZED (
    SELECT role, word FROM openbell.agent WHERE name = %(agent)s AND run = %(run)s),
seen AS (
    UPDATE openbell.beat SET seen_at = clock_timestamp(), clock_offset_ms = %(offset_ms)s
    WHERE agent = %(agent)s AND run = %(run)s RETURNING seen_at),
changed AS (
    UPDATE openbell.agent
    SET role = %(role)s, word = coalesce(%(word)s, word), ended_at = NULL, changed_at = clock_timestamp()
    WHERE name = %(agent)s AND run = %(run)s AND (role, word, ended_at) IS DISTINCT FROM
        (%(role)s, coalesce(%(word)s, word), NULL::timestamptz) RETURNING name),
told AS MATERIALIZED (
    SELECT pg_notify('{CHANNEL}', '{NEWS}') FROM changed CROSS JOIN former
    WHERE (former.role <> %(role)s OR substring(former.word FROM %(head)s)
        IS DISTINCT FROM substring(coalesce(%(word)s, former.word) FROM %(head)s))
        AND NOT EXISTS (SELECT FROM openbell.agent
            WHERE name <> %(agent)s AND changed_at > clock_timestamp() - %(calm)s))
SELECT (SELECT seen_at FROM seen), (SELECT count(*) FROM told), (SELECT count(*) FROM quickly)
"""  # noqa: S608 - of our own names

RECONFIGURED = """
UPDATE openbell.agent SET config_hash = %s, changed_at = clock_timestamp() WHERE name = %s AND run = %s
"""

END = """
UPDATE openbell.agent SET ended_at = clock_timestamp(), changed_at = clock_timestamp()
WHERE name = %s AND run = %s AND ended_at IS NULL
"""

HAS_STANDBY = """
SELECT EXISTS (
    SELECT FROM openbell.agent JOIN openbell.beat ON beat.agent = name AND beat.run = agent.run
    WHERE desk = %s AND name <> %s AND role = 'standby' AND ended_at IS NULL
    AND seen_at > clock_timestamp() - %s)
"""

FORGET = """
DELETE FROM openbell.agent AS known WHERE name = %(name)s AND (ended_at IS NOT NULL OR (
    changed_at <= clock_timestamp() - %(silent)s AND NOT EXISTS (
        SELECT FROM openbell.beat WHERE agent = known.name AND seen_at > clock_timestamp() - %(silent)s)))
"""

BEATS = """
SELECT clock_timestamp(), pg_postmaster_start_time(), agent, seen_at, clock_offset_ms
FROM (VALUES (1)) AS once LEFT JOIN openbell.beat ON true
"""
AGENTS = """
SELECT name, desk, instance, run, role, url, host, version, config_hash, started_at, changed_at,
    ended_at, word
FROM openbell.agent WHERE %(since)s::timestamptz IS NULL OR changed_at > %(since)s
"""
LEASES = "SELECT resource, agent, epoch, since, ends_at FROM openbell.lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an agent enters itself with."""

    url: str | None
    host: str
    version: str
    config_hash: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What came of a beat: when the database noted it; `None` where the row is another run's."""

    seen_at: datetime | None

    @property
    def is_ours(self) -> bool:
        """Whether the agent's row still belongs to this run."""
        return self.seen_at is not None


async def register(connection: Connection, member: Member, facts: Facts) -> None:
    """Enter an agent, or a new run of one. Raises `SharedStoreError`, a lasting one where another
    living agent has the name: of another instance, and heard of just now.
    """
    who = {"agent": member.agent, "desk": member.desk, "instance": member.instance, "run": member.run}
    more = {name: getattr(facts, name) for name in ("url", "host", "version", "config_hash", "started_at")}
    async with writing(connection):
        cursor = await connection.execute(REGISTER, {**who, **more, "silent": SILENT_AFTER})
        if await cursor.fetchone() is None:
            raise await _rival(connection, member.agent)
        await connection.execute(FIRST_BEAT, who)


async def holder_of_name(connection: Connection, member: Member) -> SharedStoreError | None:
    """Which other process goes by this agent's name; `None` where none does. Raises `SharedStoreError`."""
    with speaking(connection):
        cursor = await connection.execute(
            "SELECT run <> %s FROM openbell.agent WHERE name = %s", (member.run, member.agent)
        )
        row = await cursor.fetchone()
        return await _rival(connection, member.agent) if row == (True,) else None


async def _rival(connection: Connection, name: str) -> SharedStoreError:
    cursor = await connection.execute(RIVAL, (name,))
    host, seen_at, now = await cursor.fetchone() or ("an unknown host", None, None)
    seen = f", seen {(now - seen_at).total_seconds():.1f} s ago" if seen_at is not None else ""
    return SharedStoreError(
        f"{connection.address.place}: another agent is named {name}: at {host}{seen}; "
        "give one of them another `name`",
        lasting=True,
    )


async def beat(
    connection: Connection, member: Member, *, offset_ms: float | None, word: str | None, role: str
) -> Beat:
    """Say that the agent lives, and its word where that is another than before.

    A mere beat need not reach the disk. Others are woken where the role, or the answer's status, code
    or severity is another, and no other agent has woken them just now. Raises `SharedStoreError`.
    """
    with speaking(connection):
        cursor = await connection.execute(
            BEAT,
            {
                "agent": member.agent,
                "run": member.run,
                "offset_ms": offset_ms,
                "word": word,
                "role": str(role),
                "head": HEAD,
                "calm": CALM,
            },
        )
        row = await cursor.fetchone()
    return Beat(seen_at=_utc(row[0]) if row is not None and row[0] is not None else None)


async def url_of(connection: Connection, name: str) -> str | None:
    """Where an agent is reached. Raises `SharedStoreError`."""
    with speaking(connection):
        cursor = await connection.execute("SELECT url FROM openbell.agent WHERE name = %s", (name,))
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else str(row[0])


async def reconfigured(connection: Connection, member: Member, config_hash: str) -> None:
    """The agent goes by another configuration now. Raises `SharedStoreError`."""
    with speaking(connection):
        await connection.execute(RECONFIGURED, (config_hash, member.agent, member.run))


async def end(connection: Connection, member: Member) -> None:
    """The agent is stopped as planned. Raises `SharedStoreError`."""
    async with writing(connection):
        cursor = await connection.execute(END, (member.agent, member.run))
        if cursor.rowcount:
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, NEWS))


async def has_standby(connection: Connection, member: Member) -> bool:
    """Whether another agent stands by for the desk, and lives. Raises `SharedStoreError`."""
    with speaking(connection):
        cursor = await connection.execute(HAS_STANDBY, (member.desk, member.agent, SILENT_AFTER))
        return await cursor.fetchone() == (True,)


async def forget(connection: Connection, name: str) -> Forgotten:
    """Take an agent off the list that is not heard of, or was stopped. Raises `SharedStoreError`."""
    async with writing(connection):
        cursor = await connection.execute(FORGET, {"name": name, "silent": SILENT_AFTER})
        if cursor.rowcount:
            await connection.execute("DELETE FROM openbell.beat WHERE agent = %s", (name,))
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, NEWS))
            return Forgotten.GONE
        cursor = await connection.execute("SELECT FROM openbell.agent WHERE name = %s", (name,))
        return Forgotten.HERE if await cursor.fetchone() is not None else Forgotten.NOT_KNOWN


async def fleet_rows(connection: Connection, changed_since: datetime | None = None) -> FleetRows:
    """All beats and leases, and of the agents those that changed since, all without an instant.

    Hand in `at` of the rows before, and lay the answer on them. Raises `SharedStoreError`.
    """
    since = changed_since - OVERLAP if changed_since is not None else None
    with speaking(connection):
        cursor = await connection.execute(BEATS)
        beats = await cursor.fetchall()
        cursor = await connection.execute(AGENTS, {"since": since})
        agents = await cursor.fetchall()
        cursor = await connection.execute(LEASES)
        leases = await cursor.fetchall()
    return FleetRows(
        at=_utc(beats[0][0]),
        up_since=_utc(beats[0][1]),
        agents={row[0]: _agent(row) for row in agents},
        beats={
            name: BeatRow(seen_at=_utc(seen_at), clock_offset_ms=offset_ms)
            for _, _, name, seen_at, offset_ms in beats
            if name is not None
        },
        leases=tuple(
            LeaseRow(resource=resource, agent=agent, epoch=epoch, since=_utc(since), ends_at=_utc(ends_at))
            for resource, agent, epoch, since, ends_at in leases
        ),
    )


def _agent(row: Any) -> AgentRow:
    (
        name,
        desk,
        instance,
        run,
        role,
        url,
        host,
        version,
        config_hash,
        started_at,
        changed_at,
        ended_at,
        word,
    ) = row
    return AgentRow(
        name=name,
        desk=desk,
        instance=instance,
        run=run,
        role=Role(role) if role in set(Role) else Role.ALONE,
        url=url,
        host=host or "",
        version=version or "",
        config_hash=config_hash or "",
        started_at=_utc(started_at),
        changed_at=_utc(changed_at),
        ended_at=_utc(ended_at) if ended_at is not None else None,
        word=word,
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
