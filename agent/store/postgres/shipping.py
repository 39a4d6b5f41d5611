"""Ships what an agent has written to the shared store: once, in order, behind the fence of its lease."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from agent.alerts.letters import Letter
from agent.store.postgres import claiming, landing
from agent.store.postgres.connecting import Connection, writing
from agent.store.postgres.fence import standing
from agent.store.postgres.identity import Member
from agent.store.postgres.parcels import parcels
from agent.store.postgres.troubles import SharedStoreError
from agent.store.postgres.waking import CHANNEL, letters_word
from agent.store.shipments import Shipment

__all__ = ["Landed", "Shipment", "ship"]

log = logging.getLogger(__name__)

TRIES = 3
"""So often the desk may change hands while a batch lands."""

BEGIN_RUN = (
    "INSERT INTO openbell.shipped (instance, run, seq, at)"
    " SELECT %s, run, -1, clock_timestamp() FROM unnest(%s::text[]) AS run ON CONFLICT DO NOTHING"
)
LANDED_SO_FAR = (
    "SELECT run, seq FROM openbell.shipped WHERE instance = %s AND run = ANY(%s) ORDER BY run FOR UPDATE"
)
LANDED_NOW = (
    "UPDATE openbell.shipped SET seq = %s, at = clock_timestamp()"
    " WHERE instance = %s AND run = %s AND seq < %s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What came of a batch: the letters that are the caller's to send now, in their order, and how many
    rows were refused, for the desk had another owner since.
    """

    claimed: tuple[Letter, ...] = ()
    refused: int = 0
    told: tuple[Letter, ...] = ()
    """Letters of the batch that another agent had delivered already, under the same id: as they are."""
    lost: tuple[str, ...] = ()
    """Rows that no shared table can hold, each with its reason; they stay in the journal that wrote them."""


class _MovedError(Exception):
    """The desk changed hands while the batch landed; nothing of it was kept."""


async def ship(
    connection: Connection,
    member: Member,
    shipments: Sequence[Shipment],
    *,
    claims_in: int | None,
    claims_again: bool = False,
) -> Landed:
    """Apply a batch in one transaction, each shipment once, however often it is given.

    `claims_in` is the epoch in which the caller owns the desk: then its open letters that were not
    claimed in it yet are claimed and returned. Raises `SharedStoreError`; whether the batch has landed
    is then not known, and it is given again, with `claims_again`: then those that were claimed in the
    epoch before are returned too, for the caller may not have heard of them.
    """
    if not shipments and not await _may_claim(connection, member, claims_in, claims_again):
        return Landed()
    is_careful = False
    for _ in range(TRIES):
        try:
            async with writing(connection):
                landed = await _land(
                    connection, member, shipments, claims_in, claims_again=claims_again, is_careful=is_careful
                )
        except _MovedError:
            continue
        except SharedStoreError as error:
            if is_careful or not isinstance(error.__cause__, landing.FAULTS):
                raise
            is_careful = True
        else:
            for row in landed.lost:
                log.error("a row cannot be shared, and stays in the journal here: %s", row)
            return landed
    raise SharedStoreError(f"{connection.address.place}: {member.resource} changes hands all the time")


async def _may_claim(connection: Connection, member: Member, claims_in: int | None, again: bool) -> bool:
    """Whether it is worth a transaction: every owner looks all the time, and mostly nothing waits."""
    return claims_in is not None and await claiming.waits(connection, member.desk, claims_in, again=again)


async def _land(
    connection: Connection,
    member: Member,
    shipments: Sequence[Shipment],
    claims_in: int | None,
    *,
    claims_again: bool,
    is_careful: bool,
) -> Landed:
    """The lease is looked at twice, and only the second look holds it: nobody waits for a slow batch."""
    before = await standing(connection, member.resource)
    fresh = await _fresh(connection, member, shipments)
    outcomes = []
    for parcel in parcels(fresh):
        put = landing.put if before.is_owners(member, parcel.epoch) else landing.put_late
        outcomes.append(await put(connection, member, parcel, is_careful=is_careful))
    if any(one.waiting for one in outcomes):
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, letters_word(member.desk)))
    claimed: tuple[Letter, ...] = ()
    if claims_in is not None and before.is_held_by(member, claims_in):
        claimed = await claiming.claim(connection, member.desk, claims_in, again=claims_again)
    if await standing(connection, member.resource, holds=True) != before:
        raise _MovedError
    return Landed(
        claimed=claimed,
        refused=sum(one.refused for one in outcomes),
        told=tuple(letter for one in outcomes for letter in one.told),
        lost=tuple(row for one in outcomes for row in one.lost),
    )


async def _fresh(connection: Connection, member: Member, shipments: Sequence[Shipment]) -> list[Shipment]:
    """Those that have not landed, which are taken for landed from now on.

    Another attempt at the same batch, of which nobody has heard, is waited for here.
    """
    last = {one.run: one.seq for one in sorted(shipments, key=lambda one: one.seq)}
    if not last:
        return []
    runs = sorted(last)
    await connection.execute(BEGIN_RUN, (member.instance, runs))
    cursor = await connection.execute(LANDED_SO_FAR, (member.instance, runs))
    landed = {str(run): int(seq) for run, seq in await cursor.fetchall()}
    for run, seq in last.items():
        await connection.execute(LANDED_NOW, (seq, member.instance, run, seq))
    return [one for one in shipments if one.seq > landed[one.run]]
