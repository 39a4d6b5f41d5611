"""Sends the letters of one notifier, in order and patiently, off the main line."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from agent.abilities import Addressing, Complete, Notifier, Paced
from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter, LetterState
from agent.clock import Clock
from agent.crashpoints import crashpoint
from agent.delivery.attempt import attempt
from agent.delivery.backoff import clamp, judge
from agent.delivery.standing import Standing
from agent.delivery.turns import Turns
from agent.errors import DeliveryError
from agent.health.document import NotifierPart
from agent.model import Receipt
from agent.text import plain

log = logging.getLogger(__name__)

LANES = 4
"""Letters under way at once, each of another line."""


NO_RECEIVER = "agent.toml does not name this receiver any more"


class Sender:
    """One notifier's letters and the task that sends them; other notifiers never wait for it.

    At least once: a letter leaves only when the receiver has taken it, or it is dead. `keep` has
    each change of a letter written to disk; `changed` hears when the notifier begins or ceases
    to fail; `clean` takes secrets out of what a receiver said; `number` gives the next letter's.
    While `permit` says no, nothing that waits is begun or given up; whoever permits again wakes it.
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
        number: Callable[[], int] | None = None,
        permit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._permit = permit
        self.name = name
        self.kind = kind
        self._notifier = notifier
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._keep = keep
        self._clean = clean
        self._turns = Turns(
            name, for_people=_for_people(notifier), pace=_pace(notifier), keep=keep, number=number
        )
        self._lines = self._turns.lines
        self._awake = asyncio.Event()
        self._standing = Standing(name, kind, changed)

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
        return self._standing.is_failing

    @property
    def remark(self) -> str | None:
        """What the notifier had to say of a notice that was taken all the same."""
        return self._standing.remark

    def describe(self) -> NotifierPart:
        return self._standing.describe(len(self._lines), self._lines.oldest_at)

    # -- what it is given ----------------------------------------------------------------------

    def post(self, letters: Iterable[Letter]) -> None:
        """Take letters, in their order; returns at once. One that waits already is not taken twice."""
        for letter in letters:
            if letter.id not in self._lines:
                self._lines.add(letter)
        self.wake()

    def remember(self, recipient: str | None, sent_at: datetime) -> None:
        """A former run has told somebody something then."""
        self._turns.restraint.sent(recipient, sent_at)

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self._turns.shift(step)
        self.wake()

    def adopt(self, notifier: Notifier, *, kind: str, timeout: timedelta) -> None:
        """Go on with another notifier in place of the present one: what waits is tried anew, now."""
        self.kind, self._notifier, self._timeout_s = kind, notifier, timeout.total_seconds()
        self._turns.adopt(for_people=_for_people(notifier), pace=_pace(notifier))
        self._standing.begin_anew(kind)
        now = self._clock.now()
        waiting = [letter for letter in self._lines if letter.state is LetterState.PENDING]
        for letter in waiting:
            self._lines.put(replace(letter, next_at=min(letter.next_at, now)))
        self._bury_all(letter for letter in waiting if letter.address not in self.addresses)
        self.wake()

    def allow(self, timeout: timedelta) -> None:
        """Give the next attempts this long."""
        self._timeout_s = timeout.total_seconds()

    def close(self) -> None:
        """Its task has ended for good: what waits is dead."""
        self._bury_all(self._lines)

    def _bury_all(self, letters: Iterable[Letter]) -> None:
        for letter in tuple(letters):
            self._bury(post.bury(letter, NO_RECEIVER, self._clock.now()))

    async def attempt(self, letter: Letter) -> Letter:
        """One attempt outside the order, now, whatever waits and is permitted; the letter as it ended."""
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
        """Wait until nothing is under way, or due and permitted, at most so long."""
        try:
            async with self._clock.timeout(patience_s):
                while self._lines.under_way or self._due() is not None:
                    await self._rest()
        except TimeoutError:
            log.warning("notifier %s: %d notices wait for the next start", self.name, len(self._lines))

    async def _send_on(self, lane: int) -> None:
        while True:
            letter = None
            if lane == 0 or not self._standing.is_out_of_patience:
                letter = self._due()
            if letter is None:
                await self._rest()
            elif self._is_settled(letter):
                self.wake()
            else:
                await self._try(letter)

    def _due(self) -> Letter | None:
        """The letter whose turn it is; none while there is no permission."""
        return self._turns.due(self._clock.now()) if self._permit() else None

    async def _rest(self) -> None:
        """Wait for a letter, or for the time of the next one."""
        now = self._clock.now()
        due_at = self._turns.next_at(now)
        wait_s = (due_at - now).total_seconds() if due_at is not None and due_at > now else None
        try:
            async with self._clock.timeout(wait_s):
                await self._awake.wait()
        except TimeoutError:
            pass

    def wake(self) -> None:
        """Wake all who rest; whoever rests from now on waits for the next call."""
        self._awake.set()
        self._awake = asyncio.Event()

    def _is_settled(self, letter: Letter) -> bool:
        """Whether a letter whose turn it is need not go now: another tells of it, it is late, or early."""
        now = self._clock.now()
        if not letter.is_expired(now) and self._turns.is_put_off(letter, now):
            return True
        if self._turns.is_told_by_another(letter, now):
            return True
        if letter.is_expired(now):
            self._bury(post.expire(letter, now))
            return True
        if letter.address not in self.addresses:
            self._bury(post.bury(letter, NO_RECEIVER, now))
            return True
        return False

    async def _try(self, letter: Letter) -> None:
        claimed = post.claim(letter)
        self._turns.restraint.sent(letter.address.recipient, self._clock.now())
        self._lines.put(claimed)
        self._keep(claimed)
        crashpoint("claimed")
        try:
            receipt = await self._send(claimed)
        except DeliveryError as error:
            self._failed(self._lines[claimed.id], error)
        else:
            self._arrived(self._lines[claimed.id], receipt)
        self.wake()

    async def _send(self, letter: Letter) -> Receipt:
        receipt = await attempt(self._notifier, letter, clock=self._clock, timeout_s=self._timeout_s)
        remark = self._clean(plain(receipt.remark)) if receipt.remark else None
        if remark is not None:
            self._standing.remarked(remark)
        return replace(receipt, status=self._clean(plain(str(receipt.status))), remark=remark)

    # -- how it went ---------------------------------------------------------------------------

    def _arrived(self, letter: Letter, receipt: Receipt) -> None:
        crashpoint("sent")
        delivered = post.deliver(letter, receipt, self._clock.now())
        self._lines.drop(delivered)
        self._keep(delivered)
        self._standing.arrived()

    def _failed(self, letter: Letter, error: DeliveryError) -> None:
        """Defer the letter, or bury it; where the recipient is the trouble, all letters there pause."""
        crashpoint("failed")
        now, text = self._clock.now(), self._clean(plain(str(error)))
        judged = judge(letter, error, text, now, random.SystemRandom())
        self._standing.failed(text, is_passing=not error.permanent)
        if judged.is_open:
            self._lines.put(judged)
            self._keep(judged)
            whole = self._standing.is_out_of_patience or error.needs_person
            until = judged.next_at if whole else now + clamp(error.retry_after)
            self._turns.restraint.pause(letter.address.recipient, until)
        else:
            self._bury(judged)

    def _bury(self, letter: Letter) -> None:
        self._standing.gave_up()
        log.error(
            "notifier %s: %s (%s) is given up: %s", self.name, letter.code, letter.notice, letter.last_error
        )
        self._lines.drop(letter)
        self._keep(letter)
        crashpoint("buried")


def _for_people(notifier: Notifier) -> bool:
    return not (isinstance(notifier, Complete) and notifier.complete)


def _pace(notifier: Notifier) -> timedelta | None:
    return notifier.pace if isinstance(notifier, Paced) else None
