"""Ships what the journal has written to the shared store, in its order, and claims what there is to send."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.clock import Clock
from agent.errors import StoreError
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.seat import ALONE_AFTER_S, TROUBLE_AFTER_S
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.postgres.identity import Member
from agent.store.postgres.shipping import Landed, ship
from agent.store.shipments import Shipment

log = logging.getLogger(__name__)

BATCH = 2_000
"""One trip takes all that waits, as a rule: of what comes late only the whole is judged."""
LOOK_EVERY_S = 5.0
"""Without a wake-up, so often is looked whether there are letters to send."""
PATIENCE_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0


class Shipper:
    """`claims_in` gives the epoch in which letters may be claimed, `landed` hears what came of each trip."""

    def __init__(
        self,
        link: Link,
        member: Member,
        journal: Journal,
        *,
        clock: Clock,
        claims_in: Callable[[], int | None],
        landed: Callable[[Landed], None],
    ) -> None:
        self._link = link
        self._member = member
        self._journal = journal
        self._clock = clock
        self._claims_in = claims_in
        self._landed = landed
        self._turn = asyncio.Lock()
        self._shipped: dict[str, int] = {}
        self._is_unsure = False
        """Whether nobody has heard what came of the latest trip: it may have claimed letters."""
        self._wanted = asyncio.Event()
        self.error: str | None = None
        """Why the latest trip failed."""
        self._failing_since = 0.0
        self.refused = 0
        """Rows of a former epoch that were not taken."""

    def wake(self) -> None:
        self._wanted.set()

    @property
    def trouble(self) -> str | None:
        """Why nothing is shipped, once that is worth telling."""
        return self.error if self._fails_for(TROUBLE_AFTER_S) else None

    @property
    def is_stuck(self) -> bool:
        """Whether nothing was shipped for so long that what is critical can wait for it no more."""
        return self._fails_for(ALONE_AFTER_S)

    def _fails_for(self, seconds: float) -> bool:
        return self.error is not None and self._clock.monotonic() - self._failing_since >= seconds

    def failed(self, error: StoreError) -> None:
        """A trip came to nothing; or there was no way to begin with."""
        if self.error is None:
            self._failing_since = self._clock.monotonic()
        self.error = str(error)

    async def run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            self._wanted.clear()
            if await self._try():
                pause_s = FIRST_PAUSE_S
                await self._rest(LOOK_EVERY_S)
            else:
                await self._clock.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _rest(self, longest_s: float) -> None:
        try:
            async with self._clock.timeout(longest_s):
                await self._wanted.wait()
        except TimeoutError:
            pass

    async def _try(self) -> bool:
        try:
            await self.drain()
        except StoreError as error:
            if self.error is None:
                log.warning("what happens is not shipped now: %s", error)
            self.failed(error)
            return False
        if self.error is not None:
            log.info("what had waited is shipped")
            self.error = None
        return True

    async def drain(self) -> None:
        """Ship all that is on disk here. Raises `StoreError`."""
        async with self._turn:
            while await self._trip():
                await self._journal.flush()  # what is shipped is gone, and the next ones are seen

    async def _trip(self) -> bool:
        """Whether something was shipped."""
        found = await self._journal.shipments(BATCH)
        shipments = [one for one in found if one.seq > self._shipped.get(one.run, 0)]
        claims_in = self._claims_in()
        if not shipments and claims_in is None:
            return False
        async with self._link.use(PATIENCE_S) as connection:
            was_unsure, self._is_unsure = self._is_unsure, True
            landed = await ship(
                connection, self._member, shipments, claims_in=claims_in, claims_again=was_unsure
            )
            self._is_unsure = False
        self._arrived(shipments, landed)
        return bool(shipments)

    def _arrived(self, shipments: list[Shipment], landed: Landed) -> None:
        latest = {one.run: one.seq for one in shipments}
        if latest:
            self._shipped |= latest
            self._journal.append(Entry(shipped=tuple(latest.items())))
        if landed.refused:
            self.refused += landed.refused
            log.warning("%d rows of a time when another agent owned the desk were not taken", landed.refused)
        self._landed(landed)
