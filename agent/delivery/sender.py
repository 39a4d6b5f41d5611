"""Sends the letters of one notifier, in order and patiently, off the main line."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from agent.abilities import Addressing, Complete, Notifier, Paced
from agent.alerts import bundles
from agent.alerts import letters as post
from agent.alerts.gathered import GATHERED
from agent.alerts.letters import Address, Letter
from agent.clock import Clock
from agent.crashpoints import crashpoint
from agent.delivery.attempt import attempt
from agent.delivery.backoff import clamp, judge
from agent.delivery.lines import Lines
from agent.delivery.restraint import Restraint
from agent.delivery.standing import Standing
from agent.delivery.storm import Course
from agent.errors import DeliveryError
from agent.health.document import NotifierPart
from agent.model import Receipt
from agent.text import plain

log = logging.getLogger(__name__)

LANES = 4
"""Letters under way at once, each of another line."""


class Sender:
    """One notifier's letters and the task that sends them; other notifiers never wait for it.

    At least once: a letter leaves only when the receiver has taken it, or it is dead. `keep` has
    each change of a letter written to disk; `changed` hears when the notifier begins or ceases
    to fail; `clean` takes secrets out of what a receiver said; `number` gives the next letter's.
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
    ) -> None:
        self.name = name
        self.kind = kind
        self._notifier = notifier
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._keep = keep
        self._number = number or itertools.count(1).__next__
        self._clean = clean
        for_people = not (isinstance(notifier, Complete) and notifier.complete)
        self._lines = Lines(folds=for_people)
        self._awake = asyncio.Event()
        self._restraint = Restraint(notifier.pace if isinstance(notifier, Paced) else None, spares=for_people)
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
        self._wake()

    def remember(self, recipient: str | None, sent_at: datetime) -> None:
        """A former run has told somebody something then."""
        self._restraint.sent(recipient, sent_at)

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self._lines.replace_all([post.shift(letter, step) for letter in self._lines])
        self._restraint.shift(step)
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
            letter = self._due() if lane == 0 or not self._standing.is_out_of_patience else None
            if letter is None:
                await self._rest()
            elif not (self._is_over(letter) or self._is_held(letter) or self._is_gathered(letter)):
                await self._try(letter)

    def _due(self) -> Letter | None:
        """The letter to send at this instant; one that has expired is due even in a pause."""
        letter, now = self._lines.next(), self._clock.now()
        if letter is None or letter.next_at > now:
            return None
        if self._restraint.open_at(now) > now and not letter.is_expired(now):
            return None
        return letter

    async def _rest(self) -> None:
        """Wait for a letter, or for the time of the next one."""
        letter, now = self._lines.next(), self._clock.now()
        wait_s = None
        if letter is not None:
            due_at = min(max(letter.next_at, self._restraint.open_at(now)), letter.expires_at)
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
        if self._fold([letter], now):
            return True
        if letter.is_expired(now):
            self._bury(post.expire(letter, now))
            return True
        return False

    def _fold(self, letters: list[Letter], now: datetime) -> bool:
        """End what is explained by a recovery that waits in these letters' lines; whether there was any."""
        heads = {letter.line: letter for letter in letters}.values()
        folded = [one for head in heads for one in self._lines.fold(head, now)]
        for one in folded:
            self._keep(one)
        return bool(folded)

    def _is_held(self, letter: Letter) -> bool:
        """Put a letter off while its recipient wants a pause, or was told much of late."""
        now = self._clock.now()
        until = self._restraint.free_at(letter.address.recipient, now)
        if until > now:
            self._lines.put(post.hold(letter, until))
            self._wake()
        return until > now

    def _is_gathered(self, letter: Letter) -> bool:
        """Have one letter tell of many where all of them would be too much."""
        now, recipient = self._clock.now(), letter.address.recipient
        if letter.code == GATHERED or not self._lines.folds:
            return False
        due = [one for one in self._lines.due_to(recipient, now) if one.code != GATHERED]
        if self._restraint.course(recipient, len(due), now) is Course.SEND:
            return False
        if not self._fold(due, now):
            self._gather(due, now)
        return True

    def _gather(self, due: list[Letter], now: datetime) -> None:
        """Have one letter tell of many. It is written first: a crash between repeats, and loses nothing."""
        one = bundles.digest(due, seq=self._number(), new_id=uuid.uuid4().hex, now=now)
        self._keep(one)
        for letter in due:
            ended = bundles.gather(letter, one.notice, now)
            self._lines.drop(ended)
            self._keep(ended)
        self._lines.add(one)
        log.warning("notifier %s: %d notices at once are told in one, %s", self.name, len(due), one.notice)
        self._wake()

    async def _try(self, letter: Letter) -> None:
        claimed = post.claim(letter)
        self._restraint.sent(letter.address.recipient, self._clock.now())
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
            self._restraint.pause(letter.address.recipient, until)
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
