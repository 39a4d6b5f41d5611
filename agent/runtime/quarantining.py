"""Keeps the standing of one part of a plugin, and says when it is set aside and when it is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from agent.clock import Clock
from agent.health.quarantine import GOOD, Standing, fail

log = logging.getLogger(__name__)

NEAR_S = 0.001
"""A rest that ends within this has ended: clocks are compared through roundings."""


class Quarantine:
    """Of a machine's probes, of its task, or of an observer; `changed` hears of each edge.

    `tells_each` makes the first failure a trouble already, not only the one that sets it aside.
    """

    def __init__(self, plugin: str | None, part: str, clock: Clock, *, tells_each: bool = False) -> None:
        self.plugin = plugin
        self.part = part
        self.changed: Callable[[], None] = lambda: None
        self._clock = clock
        self._tells_each = tells_each
        self._standing = GOOD
        self.tried_again_at = clock.now()
        self._freed = asyncio.Event()

    @property
    def is_quarantined(self) -> bool:
        return self._standing.is_quarantined

    @property
    def holds(self) -> bool:
        """Whether it is to be left alone now."""
        return self.rest_s > NEAR_S

    @property
    def rest_s(self) -> float:
        return self._standing.rest_s(self._clock.monotonic())

    @property
    def trouble(self) -> str | None:
        """What is to be said of it, if anything."""
        standing = self._standing
        if standing.is_quarantined:
            return f"{self.part}: {self.describe()}"
        return f"{self.part}: {standing.why}" if standing.failures and self._tells_each else None

    def describe(self) -> str:
        """Why it is set aside, and until when."""
        standing = self._standing
        return (
            f"set aside after {standing.failures} failures in a row, "
            f"tried again at {self.tried_again_at:%H:%M:%S} UTC: {standing.why}"
        )

    def failed(self, why: str) -> None:
        before, self._standing = self._standing, fail(self._standing, why, self._clock.monotonic())
        self.tried_again_at = self._clock.now() + timedelta(seconds=self.rest_s)
        self._freed.clear()
        if self.is_quarantined and not before.is_quarantined:
            log.error("%s: %s", self.part, self.describe())
        if self.trouble is not None:
            self.changed()

    def succeeded(self) -> None:
        self._clear("works again")

    def release(self) -> None:
        """A person wants it tried now, with nothing held against it."""
        self._clear("is let back by a person")
        self._freed.set()

    async def rest(self, at_least_s: float = 0.0) -> None:
        """Wait for the end of the rest, or for a person who ends it."""
        with suppress(TimeoutError):
            async with self._clock.timeout(max(at_least_s, self.rest_s)):
                await self._freed.wait()

    def _clear(self, word: str) -> None:
        before, self._standing = self._standing, GOOD
        if before == Standing():
            return
        if before.is_quarantined:
            log.info("%s %s", self.part, word)
        if before.is_quarantined or self._tells_each:
            self.changed()
