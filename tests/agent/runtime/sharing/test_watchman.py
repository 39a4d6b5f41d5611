"""One of all owners watches the fleet, and the others know which."""

from __future__ import annotations

from agent.fleet.rows import Role
from agent.runtime.sharing.watchman import LOOK_EVERY_S, Watchman
from agent.store.postgres.connecting import connect
from agent.store.postgres.identity import Member
from agent.testing import ManualClock
from tests.postgres import Database


async def test_who_does_not_watch_knows_who_does(database: Database) -> None:
    clock = ManualClock()
    one, two, three = (
        Watchman(Member(desk=name, agent=name, instance=f"in {name}", run="r"), clock)
        for name in ("goa", "pune", "delhi")
    )
    connection = await connect(database.address)
    try:
        await one.turn(connection, Role.OWNER)
        await three.turn(connection, Role.OWNER)
        assert (one.watches, three.watches, three.other) == (True, False, "goa")
        await one.turn(connection, Role.STANDBY)
        await two.turn(connection, Role.OWNER)
        await clock.advance(LOOK_EVERY_S)
        await three.turn(connection, Role.OWNER)
        assert (two.watches, three.watches, three.other) == (True, False, "pune")
    finally:
        await connection.close()
