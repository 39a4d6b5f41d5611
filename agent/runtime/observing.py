"""Tells observers of published documents, each from a place of its own that holds the latest one."""

from __future__ import annotations

import asyncio
import json

from agent.abilities import Observer
from agent.clock import Clock
from agent.ownership import bounded
from agent.runtime.publishing import Published
from agent.runtime.quarantining import Quarantine

TIMEOUT_S = 30.0


class Observing:
    """One observer; a slow one misses documents and holds up nobody. `name` begins with its plugin's."""

    def __init__(self, name: str, observer: Observer, clock: Clock) -> None:
        self.name = name
        plugin = name.partition(".")[0]
        self.quarantine = Quarantine(plugin, f"observer {name}", clock, tells_each=True)
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
                await self._observe(published)
                self.quarantine.succeeded()

    async def _observe(self, published: Published) -> None:
        async def observe() -> None:
            await self._observer.observe(json.loads(published.body))

        await bounded(self.name, observe(), clock=self._clock, timeout_s=TIMEOUT_S)
