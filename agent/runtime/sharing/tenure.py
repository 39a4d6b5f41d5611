"""Holds the desk's lease for as long as it can, and hears when it is another's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from math import inf

from agent.clock import Clock
from agent.fence import in_words
from agent.fleet.rows import Role
from agent.runtime.sharing.ears import Ears
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.seat import TROUBLE_AFTER_S, Seat
from agent.store.postgres.connecting import Connection, SharedStoreError
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import Lease, look, release, take
from agent.store.postgres.pulse import hold_on
from agent.store.postgres.waking import ECHO_S, lease_word

log = logging.getLogger(__name__)

TURNS = 3
"""The lease is renewed so many times before it would end."""
LOOKS = 6
"""And whoever stands by looks so many times."""
CONNECT_S = 2.0
ENTERING_S = 60.0
"""The tables may have to be brought forward, all rows of them."""

Enter = Callable[[Connection], Awaitable[None]]
Beat = Callable[[Connection, Role, bool], Awaitable[None]]


class Tenure:
    """`enter` is done at the first turn that reaches the store, `beat` at each one, with what this agent
    is then, and whether it was seen with the renewal; `woken` hears the word of each of the server's
    wake-ups, `turned` that a turn is over.

    While `is_willing` is false the lease is not taken, only kept: so it is after it was lost, until
    whatever ran by it has ended.
    """

    def __init__(
        self,
        link: Link,
        member: Member,
        *,
        clock: Clock,
        lasts: timedelta,
        enter: Enter,
        beat: Beat,
        woken: Callable[[str], None],
        turned: Callable[[], None] = lambda: None,
    ) -> None:
        self._link = link
        self._member = member
        self._clock = clock
        self._lasts = lasts
        self._lasts_s = lasts.total_seconds()
        self._enter = enter
        self._has_entered = False
        self._beat = beat
        self._woken = woken
        self._is_seen = False
        self._on_turn = turned
        self._turn = asyncio.Lock()
        self._ears = Ears(link, clock, self._hear)
        self._turned = asyncio.Event()
        self.seat = Seat()
        self.lease: Lease | None = None
        """As the store told it last, whoever has it."""
        self.is_willing = True
        self.error: SharedStoreError | None = None
        self.fatal: SharedStoreError | None = None
        """Why this process may never own the desk again."""
        self._has_owned = False
        self._in_touch_since: float | None = None
        self._heard_at = -inf
        self._failing_since = -inf

    # -- what others ask -------------------------------------------------------------------------

    @property
    def role(self) -> Role:
        return self.seat.role(self._clock.monotonic())

    @property
    def owns(self) -> bool:
        return self.seat.owns(self._clock.monotonic())

    @property
    def is_alone(self) -> bool:
        return self.seat.is_alone(self._clock.monotonic())

    @property
    def may_send(self) -> bool:
        return self.seat.may_send(self._clock.monotonic())

    @property
    def trouble(self) -> str | None:
        """Why the shared store is not there, once that is worth telling."""
        is_passing = self._clock.monotonic() - self._failing_since < TROUBLE_AFTER_S
        return None if self.error is None or is_passing else str(self.error)

    async def until(self, *, held: bool) -> None:
        """Wait until the desk is ours, or until it is not."""
        while self.seat.is_held is not held:
            turned = self._turned
            await turned.wait()

    def stir(self) -> None:
        """Take the next turn now."""
        self._ears.stir()

    # -- turns -----------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            self._ears.begin()
            await self.turn()
            await self._ears.rest(self._pause_s())

    async def turn(self) -> None:
        """Renew the lease or look whether it is free, and say that we are here."""
        async with self._turn:
            began_at = self._clock.monotonic()
            try:
                await self._take_turn()
            except SharedStoreError as error:
                self._failed(error, began_at)
            except Exception as error:
                if self.error is None:
                    log.exception("a turn at the desk's lease failed")
                place = self._link.address.place
                self._failed(SharedStoreError(f"{place}: a defect here: {in_words(error)}"), began_at)
            else:
                self._went_well()

    async def _take_turn(self) -> None:
        """The lease comes first: what fails after it costs no desk."""
        if not self._has_entered:
            async with self._link.use(ENTERING_S, connect_s=CONNECT_S) as connection:
                await self._enter(connection)
            self._has_entered = True
        async with self._link.use(self._patience_s) as connection:
            asked_at = self._clock.monotonic()
            if self._in_touch_since is None:
                self._in_touch_since = asked_at
            seat = await self._ask(connection, asked_at)
            self._heard_at = self._clock.monotonic()
            self._settle(seat)
            await self._beat(connection, self.role, self._is_seen)
        if not self._ears.listens_on(connection):
            async with self._link.use(self._patience_s + ECHO_S) as connection:
                await self._ears.listen(connection)

    def keep(self, epoch: int) -> None:
        """There is no store at the start: begin as the owner that this agent was in an epoch."""
        self._settle(self.seat.kept(epoch, self._clock.monotonic()))

    async def give_up(self) -> None:
        """Let go of the lease, so that another takes it at once. Raises `SharedStoreError`."""
        if not self._has_entered:
            self._link.hang_up()  # it may be waited for a minute; and there is nothing yet to let go of
        async with self._turn:
            seat, self.is_willing = self.seat, False
            self.seat = seat.lost()
            self._turn_over()
            if seat.is_held and self._has_entered:
                log.info("letting go of the desk %s", self._member.desk)
                async with self._link.use(self._patience_s) as connection:
                    await release(connection, self._member.resource, self._member, seat.epoch)

    @property
    def _patience_s(self) -> float:
        return self._lasts_s / TURNS

    async def _ask(self, connection: Connection, asked_at: float) -> Seat:
        resource, seat = self._member.resource, self.seat
        self._is_seen = False
        if seat.is_held:
            pulse = await hold_on(connection, self._member, seat.epoch, self._lasts)
            self._is_seen = pulse.is_seen
            if pulse.is_held:
                return seat.taken(seat.epoch, asked_at, self._lasts_s)
        lease = self.lease = await look(connection, resource)
        if lease is not None and lease.is_of_a_copy_of(self._member) and self._has_owned:
            self._bar(lease)
            return seat.lost()
        if not self._may_take(lease, asked_at):
            return seat.lost()
        lease = self.lease = await take(connection, resource, self._member, self._lasts)
        if not lease.is_of(self._member):
            return seat.lost()
        if seat.is_held and lease.held_from > seat.epoch:
            log.warning("another agent owned the desk meanwhile; this one begins anew")
            await release(connection, resource, self._member, lease.epoch)
            return seat.lost()
        self._has_owned = True
        return seat.taken(lease.epoch, asked_at, self._lasts_s)

    def _bar(self, lease: Lease) -> None:
        """Two processes with one instance would take the desk from each other for ever."""
        self.fatal = SharedStoreError(
            f"{self._link.address.place}: another process, of the agent {lease.agent}, has a copy of this "
            "data folder and has taken the desk; stop one of them, and give it an empty folder in `data`",
            lasting=True,
        )

    def _may_take(self, lease: Lease | None, now: float) -> bool:
        """Whether the lease is to be had, and fairly.

        One that another let run out is taken only by who has been in touch with the store for as long
        as a lease lasts: while the store itself was away, its owner could not renew it either.
        """
        if not self.is_willing:
            return False
        if lease is None or lease.is_free or lease.instance == self._member.instance:
            return True
        in_touch_s = now - self._in_touch_since if self._in_touch_since is not None else 0.0
        return lease.ends_in <= timedelta(0) and in_touch_s >= self._lasts_s

    def _settle(self, seat: Seat) -> None:
        before, self.seat = self.seat, seat
        if before.is_held and not seat.is_held:
            owner = f": {self.lease.agent} owns it" if self.lease is not None else ""
            log.warning("the desk %s is not ours any more%s", self._member.desk, owner)
            self.is_willing = False
        elif seat.is_held and before.epoch != seat.epoch:
            log.info("the desk %s is ours, in epoch %d", self._member.desk, seat.epoch)
        self._turn_over()

    def _went_well(self) -> None:
        if self.error is not None:
            log.info("the shared store is there again")
        self.error = None

    def _failed(self, error: SharedStoreError, began_at: float) -> None:
        """What fails once the lease was heard of says nothing about who owns the desk."""
        now = self._clock.monotonic()
        if self.error is None:
            self._failing_since = now
            if self.seat.is_held:
                log.warning("the shared store is not there: %s", error)
        self.error = error
        if self._heard_at < began_at:
            self._in_touch_since = None
            self.seat = self.seat.failed(now)
        self._turn_over()

    def _turn_over(self) -> None:
        self._turned.set()
        self._turned = asyncio.Event()
        self._on_turn()

    def _hear(self, word: str) -> None:
        """Every word wakes all who listen: only one of our own lease is worth a turn of a thousand agents."""
        if word == lease_word(self._member.resource):
            self.stir()
        self._woken(word)

    def _pause_s(self) -> float:
        if self.seat.failing_since is not None or not self.seat.is_held:
            return self._lasts_s / LOOKS
        return self._lasts_s / TURNS
