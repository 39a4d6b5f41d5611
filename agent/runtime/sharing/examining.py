"""Looks at the shared store as an agent would meet it, and changes nothing there."""

from __future__ import annotations

from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.errors import AgentError
from agent.runtime.sharing.clocks import Clocks
from agent.store.postgres.agents import fleet_rows
from agent.store.postgres.connecting import Address, connect
from agent.store.postgres.schema import STEPS, version_of


def address_of(blueprint: Blueprint) -> Address:
    """Where the shared store is. Raises `AgentError` for a text that is no address."""
    url = blueprint.settings.store.url
    if url is None:
        raise ValueError("there is no shared store to look at")
    try:
        return Address(url.get_secret_value())
    except ValueError as error:
        raise AgentError(str(error)) from None


async def look_at_store(blueprint: Blueprint) -> str:
    """What is there, in one line. Raises `AgentError` for what would keep the agent from sharing it."""
    address, store = address_of(blueprint), blueprint.settings.store
    connection = await connect(address)
    try:
        clocks = Clocks(SystemClock())
        await clocks.compare(connection)
        clocks.must_agree(address)
        version = await version_of(connection, address)
        if not version:
            return f"{address.place}: it answers; the first agent that starts makes the tables"
        if version < len(STEPS):
            return f"{address.place}: it answers; the first agent that starts brings its tables forward"
        rows = await fleet_rows(connection)
    finally:
        await connection.close()
    desk = store.desk or blueprint.settings.name
    lease = next((one for one in rows.leases if one.resource == f"desk/{desk}"), None)
    owner = f"; {lease.agent} owns the desk {desk}" if lease is not None and lease.ends_at > rows.at else ""
    return f"{address.place}: it answers; agents there: {len(rows.agents)}{owner}"
