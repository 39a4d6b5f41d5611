"""Tells observers of published documents, each from a place of its own that holds the latest one."""

from __future__ import annotations

import asyncio
import json
import logging

from agent.abilities import Observer
from agent.clock import Clock
from agent.runtime.publishing import Published

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0


class Observing:
    """One observer; a slow one misses documents and holds up nobody."""

    def __init__(self, name: str, observer: Observer, clock: Clock) -> None:
        self.name = name
        self._observer = observer
        self._clock = clock
        self._latest: Published | None = None
        self._awake = asyncio.Event()

    def tell(self, published: Published) -> None:
        self._latest = published
        self._awake.set()

    async def run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            published, self._latest = self._latest, None
            if published is not None:
                async with self._clock.timeout(TIMEOUT_S):
                    await self._observer.observe(json.loads(published.body))
