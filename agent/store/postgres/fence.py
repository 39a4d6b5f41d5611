"""The fence: whether what an agent has decided still is the word of its desk's owner."""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.postgres.connecting import Connection
from agent.store.postgres.identity import Member


@dataclass(frozen=True, slots=True)
class Standing:
    """A desk's lease, as the fence needs it; all empty where it was never taken.

    `held_from` is the epoch since which the same instance has held it without a break: what a former
    run of the owner had decided, and could not ship, is the owner's word too.
    """

    epoch: int = 0
    held_from: int = 0
    instance: str | None = None
    run: str | None = None

    def is_owners(self, member: Member, epoch: int) -> bool:
        """Whether what an instance decided in an epoch still is the owner's word."""
        if self.instance is None:
            return epoch == self.epoch
        return member.instance == self.instance and self.held_from <= epoch <= self.epoch

    def is_held_by(self, member: Member, epoch: int) -> bool:
        """Whether this process owns it in that epoch."""
        return (self.instance, self.run, self.epoch) == (member.instance, member.run, epoch)


async def standing(connection: Connection, resource: str, *, holds: bool = False) -> Standing:
    """The lease as it stands; `holds`: and nobody takes it before this transaction ends."""
    asked = "SELECT epoch, held_from, instance, run FROM openbell.lease WHERE resource = %s"
    cursor = await connection.execute(asked + (" FOR SHARE" if holds else ""), (resource,))
    row = await cursor.fetchone()
    return Standing() if row is None else Standing(*row)
