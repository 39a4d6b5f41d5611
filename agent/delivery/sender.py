"""Sends the letters of one notifier, in order and patiently, off the main line."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from agent.abilities import Addressing, Complete, Notifier
from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter
from agent.clock import Clock
from agent.crashpoints import crashpoint
from agent.delivery.attempt import attempt
from agent.delivery.backoff import clamp, pause
from agent.delivery.lines import Lines
from agent.errors import DeliveryError
from agent.health.document import NotifierPart
from agent.model import Receipt
from agent.text import plain

log = logging.getLogger(__name__)

LANES = 4
"""Letters under way at once, each of another line."""

PATIENCE = 5
"""After so many failures in a row the receiver is tried with one letter at a time."""


class Sender:
    """One notifier's letters and the task that sends them; other notifiers never wait for it.

    At least once: a letter leaves only when the receiver has taken it, or it is dead. `keep` has
    each change of a letter written to disk; `changed` hears when the notifier begins or ceases
    to fail; `clean` takes secrets out of what a receiver said.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        notifier: Notifier,
        *,
        clock: Clock,
        timeout: timedelta,
        keep: Callable[[Letter], None],
        changed: Callable[[], None] = lambda: None,
        clean: Callable[[str], str] = str,
    ) -> None:
        self.name = name
        self.kind = kind
        self._notifier = notifier
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._keep = keep
        self._changed = changed
        self._clean = clean
        self._lines = Lines(folds=not (isinstance(notifier, Complete) and notifier.complete))
        self._awake = asyncio.Event()
        self._paused_until: datetime | None = None
        self._failures = 0
        self._delivered = 0
        self._dead = 0
        self._error: str | None = None
        self.remark: str | None = None
        """The first word of the notifier on what an operator should see to; it stays, because that
        is mended by another configuration, and what comes and goes with each notice would be told
        by notices of its own."""

    # -- what is known of it -------------------------------------------------------------------

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where a notice for this notifier goes: one letter each."""
        if isinstance(self._notifier, Addressing):
            return tuple(Address(notifier=self.name, recipient=one) for one in self._notifier.recipients)
        return (Address(notifier=self.name),)

    @property
    def waiting(self) -> tuple[Letter, ...]:
        return tuple(self._lines)

    @property
    def is_failing(self) -> bool:
        return self._error is not None

    def describe(self) -> NotifierPart:
        return NotifierPart(
            name=self.name,
            kind=self.kind,
            state="failing" if self._error is not None else "ok",
            delivered=self._delivered,
            waiting=len(self._lines),
            oldest_at=self._lines.oldest_at if self.is_failing else None,
            dead=self._dead,
            error=self._error,
        )

    # -- what it is given ----------------------------------------------------------------------

    def post(self, letters: Iterable[Letter]) -> None:
        """Take letters, in their order; returns at once. One that waits already is not taken twice."""
        for letter in letters:
            if letter.id not in self._lines:
                self._lines.add(letter)
        self._wake()

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self._lines.replace_all([post.shift(letter, step) for letter in self._lines])
        if self._paused_until is not None:
            self._paused_until += step
        for letter in self._lines:
            self._keep(letter)
        self._wake()

    async def attempt(self, letter: Letter) -> Letter:
        """One attempt outside the order, now, whatever waits; the letter as it ended."""
        claimed = post.claim(letter)
        try:
            receipt = await self._send(claimed)
        except DeliveryError as error:
            return post.bury(claimed, self._clean(plain(str(error))), self._clock.now())
        return post.deliver(claimed, receipt, self._clock.now())

    # -- sending -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what waits, for as long as the agent lives."""
        for letter in self._lines.under_way:
            self._lines.put(post.release(letter, self._clock.now()))
        async with asyncio.TaskGroup() as lanes:
            for number in range(LANES):
                lanes.create_task(self._send_on(number))

    async def drain(self, patience_s: float) -> None:
        """Wait until nothing is under way or due, at most so long."""
        try:
            async with self._clock.timeout(patience_s):
                while self._lines.under_way or self._due() is not None:
                    await self._rest()
        except TimeoutError:
            log.warning("notifier %s: %d notices wait for the next start", self.name, len(self._lines))

    async def _send_on(self, lane: int) -> None:
        while True:
            letter = self._due() if lane == 0 or self._failures < PATIENCE else None
            if letter is None:
                await self._rest()
            elif not self._is_over(letter):
                await self._try(letter)

    def _due(self) -> Letter | None:
        """The letter to send at this instant; one that has expired is due even in a pause."""
        letter, now = self._lines.next(), self._clock.now()
        if letter is None or letter.next_at > now:
            return None
        if self._paused_until is not None and now < self._paused_until and not letter.is_expired(now):
            return None
        return letter

    async def _rest(self) -> None:
        """Wait for a letter, or for the time of the next one."""
        letter, now = self._lines.next(), self._clock.now()
        wait_s = None
        if letter is not None:
            due_at = min(max(letter.next_at, self._paused_until or now), letter.expires_at)
            wait_s = (due_at - now).total_seconds() if due_at > now else None
        try:
            async with self._clock.timeout(wait_s):
                await self._awake.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        """Wake all who rest; whoever rests from now on waits for the next call."""
        self._awake.set()
        self._awake = asyncio.Event()

    def _is_over(self, letter: Letter) -> bool:
        """End a letter that is not to be sent any more, and those that its recovery explains."""
        now = self._clock.now()
        folded = self._lines.fold(letter, now)
        for one in folded:
            self._keep(one)
        if folded:
            return True
        if letter.is_expired(now):
            self._bury(post.expire(letter, now))
            return True
        return False

    async def _try(self, letter: Letter) -> None:
        claimed = post.claim(letter)
        self._lines.put(claimed)
        self._keep(claimed)
        crashpoint("claimed")
        try:
            receipt = await self._send(claimed)
        except DeliveryError as error:
            self._failed(self._lines[claimed.id], error)
        else:
            self._arrived(self._lines[claimed.id], receipt)
        self._wake()

    async def _send(self, letter: Letter) -> Receipt:
        receipt = await attempt(self._notifier, letter, clock=self._clock, timeout_s=self._timeout_s)
        remark = self._clean(plain(receipt.remark)) if receipt.remark else None
        if remark is not None and self.remark is None:
            self.remark = remark
            log.warning("notifier %s: %s", self.name, remark)
            self._changed()
        return replace(receipt, status=self._clean(plain(str(receipt.status))), remark=remark)

    # -- how it went ---------------------------------------------------------------------------

    def _arrived(self, letter: Letter, receipt: Receipt) -> None:
        crashpoint("sent")
        self._delivered += 1
        self._failures = 0
        delivered = post.deliver(letter, receipt, self._clock.now())
        self._lines.drop(delivered)
        self._keep(delivered)
        if self._error is not None:
            self._error = None
            log.info("notifier %s delivers again", self.name)
            self._changed()

    def _failed(self, letter: Letter, error: DeliveryError) -> None:
        """Defer the letter, or bury it; where the receiver is the trouble, all its letters pause."""
        crashpoint("failed")
        now, text = self._clock.now(), self._clean(plain(str(error)))
        if error.permanent:
            self._bury(post.bury(letter, text, now))
        else:
            self._failures += 1
            age = now - letter.created_at
            next_at = now + pause(letter.attempts, error.retry_after, random.SystemRandom(), age)
            deferred = post.defer(letter, text, next_at)
            self._lines.put(deferred)
            self._keep(deferred)
            self._pause(next_at if self._failures >= PATIENCE else now + clamp(error.retry_after))
        self._tell(text)

    def _pause(self, until: datetime) -> None:
        if self._paused_until is None or until > self._paused_until:
            self._paused_until = until

    def _bury(self, letter: Letter) -> None:
        self._dead += 1
        log.error(
            "notifier %s: %s (%s) is given up: %s", self.name, letter.code, letter.notice, letter.last_error
        )
        self._lines.drop(letter)
        self._keep(letter)
        crashpoint("buried")

    def _tell(self, error: str) -> None:
        first, self._error = self._error is None, error
        if first:
            log.warning("notifier %s fails: %s", self.name, error)
            self._changed()
