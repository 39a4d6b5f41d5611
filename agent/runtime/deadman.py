"""The dead-man switch: a ping to elsewhere while the agent is well, whose absence raises the alarm there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.text import plain

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

PATIENCE = 3
"""After so many failures in a row the switch itself is a trouble of the agent."""

_ANSWER_LIMIT = 1024


class DeadMan:
    """Pings an address in the form of Healthchecks: a request that is answered with 2xx.

    `trouble` says why it must not ping, or nothing: what is not well stays silent, and silence is
    what the other side alarms on. `changed` hears when the switch begins or ceases to fail. The
    address is a secret: who knows it can keep the switch from falling.
    """

    def __init__(
        self,
        url: str,
        every: timedelta,
        *,
        clock: Clock,
        session: Callable[[], aiohttp.ClientSession],
        trouble: Callable[[], str | None],
        changed: Callable[[], None],
    ) -> None:
        self._url = url
        self._every_s = every.total_seconds()
        self._clock = clock
        self._session = session
        self._trouble = trouble
        self._changed = changed
        self._failures = 0
        self._is_held = False
        self.error: str | None = None
        """Why pings do not arrive, once that has lasted."""

    async def run(self) -> None:
        while True:
            due = self._clock.monotonic() + self._every_s
            await self.turn()
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))

    async def turn(self) -> None:
        """Ping once, if the agent is well."""
        trouble = self._trouble()
        if trouble is not None:
            if not self._is_held:
                log.warning("the dead-man switch is not held: %s", trouble)
            self._is_held = True
            return
        if self._is_held:
            log.info("the dead-man switch is held again")
        self._is_held = False
        self._note(await self._ping())

    async def _ping(self) -> str | None:
        """What went wrong, without the address."""
        import aiohttp

        try:
            async with self._session().get(self._url, allow_redirects=False) as answer:
                await answer.content.read(_ANSWER_LIMIT)
                return None if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except TimeoutError:
            return "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return plain(type(error).__name__)

    def _note(self, error: str | None) -> None:
        self._failures = self._failures + 1 if error is not None else 0
        before, self.error = self.error, error if self._failures >= PATIENCE else None
        if (before is None) != (self.error is None):
            self._changed()
