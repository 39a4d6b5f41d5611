"""Hands the notices of one receiver to its notifier, in order, off the main line."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.abilities import Notifier
from agent.clock import Clock
from agent.delivery.backoff import pause
from agent.errors import DeliveryError
from agent.health.document import NotifierPart
from agent.model import Notice, Receipt
from agent.text import plain

log = logging.getLogger(__name__)

ATTEMPTS = 8
WAITING_LIMIT = 1_000
KEPT_RECEIPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one notice ended: delivered with a receipt, or given up with the last error."""

    notice: Notice
    notifier: str
    state: str
    attempts: int
    at: datetime
    receipt: Receipt | None = None
    error: str | None = None


class Sender:
    """One notifier's queue and the task that empties it; others never wait for it.

    What waits is held in memory: it does not outlive the process. `changed` is called when the
    notifier begins or ceases to fail; `clean` takes secrets out of what it says went wrong.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        notifier: Notifier,
        *,
        clock: Clock,
        timeout: timedelta,
        changed: Callable[[], None] = lambda: None,
        clean: Callable[[str], str] = str,
    ) -> None:
        self.name = name
        self.kind = kind
        self._notifier = notifier
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._changed = changed
        self._clean = clean
        self._waiting: deque[Notice] = deque()
        self._awake = asyncio.Event()
        self._delivered = 0
        self._error: str | None = None
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_RECEIPTS)

    def describe(self) -> NotifierPart:
        return NotifierPart(
            name=self.name,
            kind=self.kind,
            state="failing" if self._error is not None else "ok",
            delivered=self._delivered,
            waiting=len(self._waiting),
            error=self._error,
        )

    @property
    def is_failing(self) -> bool:
        return self._error is not None

    def tell(self, notice: Notice) -> None:
        """Take a notice; returns at once."""
        if len(self._waiting) >= WAITING_LIMIT:
            lost = self._waiting.popleft()
            log.error(
                "notifier %s: too many notices wait; %s (%s) is given up", self.name, lost.id, lost.code
            )
        self._waiting.append(notice)
        self._awake.set()

    async def run(self) -> None:
        """Deliver what waits, one after the other, for as long as the agent lives."""
        while True:
            while not self._waiting:
                self._awake.clear()
                await self._awake.wait()
            notice = self._waiting[0]
            self.deliveries.append(await self._deliver(notice))
            if self._waiting and self._waiting[0] is notice:
                self._waiting.popleft()

    async def drain(self, patience_s: float) -> None:
        """Wait until nothing waits, at most so long."""
        try:
            async with self._clock.timeout(patience_s):
                while self._waiting and not self.is_failing:
                    await self._clock.sleep(0.01)
        except TimeoutError:
            log.warning("notifier %s: %d notices were not delivered", self.name, len(self._waiting))

    async def _deliver(self, notice: Notice) -> Delivery:
        attempt = 0
        while True:
            attempt += 1
            try:
                receipt = await self._send(notice)
            except DeliveryError as error:
                said = self._clean(plain(str(error)))
                self._failed(said)
                if error.permanent or attempt >= ATTEMPTS:
                    return self._ended(notice, "dead", attempt, error=said)
                wait = pause(attempt, error.retry_after, random.SystemRandom())
                await self._clock.sleep(wait.total_seconds())
            else:
                self._recovered()
                return self._ended(notice, "delivered", attempt, receipt=receipt)

    async def _send(self, notice: Notice) -> Receipt:
        """One attempt; whatever goes wrong in it is a `DeliveryError`."""
        try:
            async with self._clock.timeout(self._timeout_s):
                return await self._notifier.send(notice)
        except (DeliveryError, asyncio.CancelledError):
            raise
        except TimeoutError:
            raise DeliveryError(f"no answer within {self._timeout_s:g} s") from None
        except Exception as error:  # the fence around a plugin's notifier
            raise DeliveryError(f"{type(error).__name__}: {error}") from error

    def _ended(
        self,
        notice: Notice,
        state: str,
        attempts: int,
        *,
        receipt: Receipt | None = None,
        error: str | None = None,
    ) -> Delivery:
        if state == "delivered":
            self._delivered += 1
        else:
            log.error("notifier %s: %s (%s) is given up: %s", self.name, notice.code, notice.id, error)
        return Delivery(
            notice=notice,
            notifier=self.name,
            state=state,
            attempts=attempts,
            at=self._clock.now(),
            receipt=receipt,
            error=error,
        )

    def _failed(self, error: str) -> None:
        first, self._error = self._error is None, error
        if first:
            log.warning("notifier %s fails: %s", self.name, self._error)
            self._changed()

    def _recovered(self) -> None:
        if self._error is not None:
            self._error = None
            log.info("notifier %s delivers again", self.name)
            self._changed()
