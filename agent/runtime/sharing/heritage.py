"""What this folder knows of its desk, and how it comes to know what another agent of the desk did."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress

from agent.alerts.ids import DerivedIds, Ids
from agent.alerts.letters import Letter
from agent.clock import Clock
from agent.errors import StoreError
from agent.model import Incident
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.settling import settled
from agent.runtime.sharing.shipper import Shipper
from agent.runtime.sharing.tenure import Tenure
from agent.store import snapshot
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.postgres.identity import Member
from agent.store.postgres.reading import Inheritance, inheritance, letters_as_known
from agent.store.postgres.troubles import silent

log = logging.getLogger(__name__)

EPOCH_KEY = "sharing:epoch"
SALT_KEY = "core:salt"
KNOWN_KEY = "sharing:known"
"""The epoch as of which this folder knows all of the desk."""
ANOTHERS = -1
"""Another agent has owned the desk, and it knows more."""
ERA = 1_000_000
"""By so much the epochs are raised where a backup is put back, as the manual says."""
PATIENCE_S = 5.0
TIDY_EVERY_S = 5.0


class Heritage:
    """Of one member's journal: `link` asks the shared store, `shipper` tells it, `tenure` says whose time
    it is.
    """

    def __init__(
        self,
        journal: Journal,
        member: Member,
        *,
        link: Link,
        shipper: Shipper,
        tenure: Tenure,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._member = member
        self._link = link
        self._shipper = shipper
        self._tenure = tenure
        self._clock = clock

    # -- what is known here ----------------------------------------------------------------------

    @property
    def is_current(self) -> bool:
        """Whether nobody else has owned the desk, as far as is known, since this folder knew all of it."""
        known, lease = int(self._journal.value(KNOWN_KEY) or 0), self._tenure.lease
        if lease is None:
            return known != ANOTHERS
        return lease.instance == self._member.instance and lease.held_from <= known

    def follow(self) -> bool:
        """After a turn of the lease: remember whose time it is; true where a new one of ours has begun."""
        if not self.is_current and self._journal.value(KNOWN_KEY) != str(ANOTHERS):
            self._remember(KNOWN_KEY, ANOTHERS)
        seat = self._tenure.seat
        if not seat.is_held or seat.epoch == self._journal.epoch:
            return False
        self._journal.epoch = seat.epoch
        self._remember(EPOCH_KEY, seat.epoch)
        return True

    def resume(self) -> None:
        """Go on in the epoch in which the former run ended."""
        self._journal.epoch = int(self._journal.value(EPOCH_KEY) or 0)

    def ids(self) -> Ids:
        """What all agents of the desk derive ids from: another desk of the name, in a store that was
        emptied, never gives the same, nor one whose store was put back from a backup.
        """
        if self._journal.value(SALT_KEY) is None:
            self._journal.append(Entry(values=((SALT_KEY, uuid.uuid4().hex),)))
        desk = f"{self._member.desk}/{self._journal.value(SALT_KEY)}"
        return DerivedIds(desk, era=lambda: self._journal.epoch // ERA)

    def _remember(self, key: str, number: int) -> None:
        """For the next run, and for no other agent."""
        self._journal.append(Entry(values=((key, str(number)),), inherited=True))

    # -- what the shared store knows -------------------------------------------------------------

    async def take_over(self) -> None:
        """Ship what is left of a former tenure, then take over what the shared store knows.

        Who knows all of the desk already goes on with that, where the store cannot be asked in time.
        Raises `StoreError` where another may know more.
        """
        error: StoreError = silent(self._link.address)
        epoch = self._tenure.seat.epoch
        if self._tenure.owns:
            try:
                self._take_in(*await self._ask_for_all())
                await self._journal.flush()
            except StoreError as problem:
                error = problem
            else:
                self._remember(KNOWN_KEY, epoch)
                return
        if not self.is_current:
            raise error
        log.warning("going on with what is known here: %s", error)

    async def _ask_for_all(self) -> tuple[list[Letter], Inheritance]:
        """The letters that wait here, and what the shared store knows, of those too."""
        await self._ship_what_is_left()
        waiting = await self._journal.open_letters()
        async with self._link.use(PATIENCE_S) as connection:
            ids = [letter.id for letter in waiting]
            return waiting, await inheritance(connection, self._member.desk, ids)

    async def _ship_what_is_left(self) -> None:
        """Raises `StoreError` where the store does not have in time what it must know to be asked."""
        try:
            async with self._clock.timeout(PATIENCE_S):
                await self._shipper.drain()
        except (StoreError, TimeoutError) as error:
            if self.is_current:
                raise error if isinstance(error, StoreError) else silent(self._link.address) from None

    def _take_in(self, waiting: list[Letter], known: Inheritance) -> None:
        if known.is_empty:
            self._bring_in()
            return
        self._journal.inherit(
            values=known.values,
            incidents=known.incidents,
            letters=settled(waiting, known.letters, self._clock.now()),
            reached=known.reached,
            delivered_last=known.delivered_last,
            last_letter=known.last_letter,
        )

    def _bring_in(self) -> None:
        """The shared store knows nothing of the desk yet: what this agent knew alone is its beginning."""
        incident = self._open_incident()
        self._journal.append(
            Entry(
                values=tuple({SALT_KEY: uuid.uuid4().hex, **self._journal.values_under("")}.items()),
                incidents=() if incident is None else (incident,),
                letters=self._journal.waiting,
            )
        )

    def _open_incident(self) -> Incident | None:
        text = self._journal.value(snapshot.KEY)
        try:
            return None if text is None else snapshot.unpack(text).course.incident
        except (ValueError, KeyError, TypeError):
            return None

    # -- while another owns the desk -------------------------------------------------------------

    async def tidy(self) -> None:
        """Learn what became of the letters that were left open here, again and again."""
        while True:
            await self._clock.sleep(TIDY_EVERY_S)
            if not self._tenure.seat.is_held and self._tenure.error is None:
                with suppress(StoreError):
                    await self._settle()

    async def _settle(self) -> None:
        await self._shipper.drain()
        waiting = await self._journal.open_letters()
        if not waiting:
            return
        async with self._link.use(PATIENCE_S) as connection:
            known = await letters_as_known(connection, self._member.desk, [one.id for one in waiting])
        if not self._tenure.seat.is_held:
            letters = tuple(settled(waiting, known, self._clock.now()))
            self._journal.append(Entry(letters=letters, inherited=True))
