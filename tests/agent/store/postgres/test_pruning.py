"""The shared history is pruned on a real server, by the choices of the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from agent.store.keeping import Keeping, Limits
from agent.store.postgres.pruning import STEP, prune, used_bytes

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)

INCIDENT = (
    "INSERT INTO openbell.incident (desk, agent, epoch, id, opened_at, closed_at, code, severity, message)"
    " VALUES (%s, 'a', 1, %s, %s, %s, 'C', 'critical', '')"
)
EDGE = (
    "INSERT INTO openbell.transition"
    " (desk, agent, epoch, at, subject, name, after, reason, message, incident)"
    " VALUES (%s, 'a', 1, %s, %s, 'feed', %s, '', '', %s)"
)
LETTER = (
    "INSERT INTO openbell.outbox"
    " (desk, agent, epoch, id, seq, notice, notifier, stream, type, code, severity, body,"
    " created_at, next_at, expires_at, state, attempts, ended_at, refusals)"
    " VALUES (%(desk)s, 'a', 1, %(id)s, %(seq)s, '', '', %(stream)s, '', '', '', %(body)s, %(at)s, %(at)s,"
    " %(at)s, %(state)s, 0, %(ended)s, 0)"
)
AWAKE = "INSERT INTO openbell.awake VALUES (%s, 'a', 1, %s, %s)"


def limits(max_bytes: int = 10**12, **more: timedelta) -> Limits:
    ages = {"history": 90 * DAY, "notices": 30 * DAY, "reports": 30 * DAY, **more}
    return Keeping(**ages, max_bytes=max_bytes).limits(NOW)


def ago(days: float) -> datetime:
    return NOW - days * DAY


class Past:
    """Puts rows from days ago into a desk."""

    def __init__(self, connection: psycopg.Connection, desk: str = "alpha") -> None:
        self._connection, self._desk = connection, desk

    def incident(self, id_: str, opened: float, closed: float | None) -> None:
        ended = ago(closed) if closed is not None else None
        self._connection.execute(INCIDENT, (self._desk, id_, ago(opened), ended))

    def edge(self, days: float, subject: str = "lead", incident: str | None = None) -> None:
        self._connection.execute(EDGE, (self._desk, ago(days), subject, str(days), incident))

    def edges(self, many: int, days: float) -> None:
        row = (self._desk, ago(days), "lead", str(days), None)
        self._connection.cursor().executemany(EDGE, [row] * many)

    def letter(self, seq: int, ended: float | None, words: int = 1, stream: str = "") -> None:
        self._connection.execute(
            LETTER,
            {
                "desk": self._desk, "id": f"l{seq}", "seq": seq, "stream": stream, "body": f"{seq} " * words,
                "at": ago(100 if ended is None else ended),
                "state": "pending" if ended is None else "delivered",
                "ended": None if ended is None else ago(ended),
            },
        )  # fmt: skip

    def awake(self, since: float, until: float) -> None:
        self._connection.execute(AWAKE, (self._desk, ago(since), ago(until)))

    def column(self, asked: str) -> list[object]:
        return [one for (one,) in self._connection.execute(asked).fetchall()]


@pytest.fixture
def past(database):
    with database.admin() as connection:
        yield Past(connection)


@pytest.fixture
async def one(connections):
    return await connections()


async def test_an_old_incident_goes_with_all_of_it_and_one_that_is_open_stays_whole(one, past) -> None:
    past.incident("old", 100, 91)
    past.incident("long", 100, 89)
    past.incident("open", 100, None)
    for incident in ("old", "long", "open"):
        past.edge(99, "problem", incident)
    await prune(one, "alpha", limits())
    assert set(past.column("SELECT id FROM openbell.incident")) == {"long", "open"}
    assert past.column("SELECT incident FROM openbell.transition ORDER BY id") == ["long", "open"]


async def test_what_a_review_of_four_hundred_days_needs_stays(one, past) -> None:
    for days in (500, 450, 399, 100):
        past.edge(days, "machine")
        past.edge(days)
    past.awake(500, 401)
    past.awake(400.5, 399)
    await prune(one, "alpha", limits())
    assert past.column("SELECT after FROM openbell.transition ORDER BY id") == ["450", "399", "100"]
    assert past.column("SELECT since FROM openbell.awake") == [ago(400.5)]


async def test_notices_go_after_their_time_and_those_that_wait_stay(one, past) -> None:
    for seq, ended in enumerate([31, None, 30.001, 29.999, None]):
        past.letter(seq, ended)
    await prune(one, "alpha", limits())
    assert past.column("SELECT seq FROM openbell.outbox ORDER BY seq") == [1, 3, 4]


@pytest.mark.parametrize("max_bytes", [10**12, 0], ids=["by age", "by size"])
async def test_who_was_told_of_an_incident_that_is_still_open_is_not_forgotten(one, past, max_bytes) -> None:
    past.incident("i-open", 60, None)
    past.incident("i-closed", 60, 50)
    for seq, stream in enumerate(["i-open", "i-closed", "i-open/alpha", "i-closed/alpha", "i-opened"]):
        past.letter(seq, 60, stream=stream)
    await prune(one, "alpha", limits(max_bytes=max_bytes))
    assert past.column("SELECT stream FROM openbell.outbox ORDER BY seq") == ["i-open", "i-open/alpha"]


async def test_beyond_the_size_the_oldest_notices_go_before_anything_else(one, past) -> None:
    for seq in range(200):
        past.letter(seq, 20, words=400)
    past.edge(80)
    most = await used_bytes(one, "alpha") // 2
    await prune(one, "alpha", limits(max_bytes=most * 20 // 19 + 20), step=20)
    assert await used_bytes(one, "alpha") <= most
    kept = past.column("SELECT seq FROM openbell.outbox ORDER BY seq")
    assert kept == list(range(200 - len(kept), 200))
    assert 60 < len(kept) <= 100
    assert past.column("SELECT count(*) FROM openbell.transition") == [1]


async def test_where_nothing_else_is_left_transitions_go_and_what_must_stay_stays(one, past) -> None:
    past.incident("open", 3, None)
    for seq in range(50):
        past.letter(seq, 20 if seq else None, words=500)
        past.edge(2)
    past.edge(2, "problem", "open")
    past.edge(2, "machine")
    await prune(one, "alpha", limits(max_bytes=0))
    assert past.column("SELECT seq FROM openbell.outbox") == [0]
    assert past.column("SELECT subject FROM openbell.transition ORDER BY id") == ["problem", "machine"]
    assert past.column("SELECT id FROM openbell.incident") == ["open"]


async def test_much_goes_in_steps_and_what_is_young_stays(one, past) -> None:
    past.edges(2 * STEP + 1, 99)
    past.edge(-300)
    past.edge(99)
    past.edge(1)
    await prune(one, "alpha", limits())
    assert past.column("SELECT after FROM openbell.transition ORDER BY id") == ["-300", "1"]


async def test_another_desk_loses_nothing(one, past, database) -> None:
    with database.admin() as connection:
        other = Past(connection, "beta")
        other.incident("old", 100, 91)
        other.edge(99)
        other.letter(1, 99)
        other.awake(500, 499)
    await prune(one, "alpha", limits(max_bytes=0))
    for table in ("incident", "transition", "outbox", "awake"):
        assert past.column(f"SELECT desk FROM openbell.{table}") == ["beta"]


async def test_the_latest_lines_of_the_audit_and_the_latest_runs_stay(one, past, database) -> None:
    with database.admin() as connection:
        for number in range(5):
            connection.execute(
                "INSERT INTO openbell.deed (desk, agent, epoch, at, who, peer, what, status)"
                " VALUES ('alpha', 'a', 1, now(), 'w', '', %s, 200)",
                (str(number),),
            )
        for days in (500, 399):
            connection.execute("INSERT INTO openbell.shipped VALUES ('i', %s, 1, %s)", (str(days), ago(days)))
    await prune(one, "alpha", limits(), deeds=3)
    assert past.column("SELECT what FROM openbell.deed ORDER BY id") == ["2", "3", "4"]
    assert past.column("SELECT run FROM openbell.shipped") == ["399"]
