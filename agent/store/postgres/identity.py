"""Who writes to the shared store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process of one agent.

    `desk` is what it watches, together with those that stand in for it; `agent` its name; `instance`
    the data folder's own id, which stays; `run` the process's, which does not.
    """

    desk: str
    agent: str
    instance: str
    run: str

    @property
    def resource(self) -> str:
        """What one of the desk's agents holds a lease of."""
        return desk_resource(self.desk)


FLEET_WATCH = "fleet/watch"
"""The resource of whoever raises that an agent is lost."""


def desk_resource(desk: str) -> str:
    """The resource that covers a desk: its broker connections, its evaluation, its queues."""
    return f"desk/{desk}"
