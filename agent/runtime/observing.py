"""Tells observers of published documents, each from a place of its own that holds the latest one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping

from agent.abilities import Observer
from agent.clock import Clock
from agent.ownership import bounded
from agent.runtime.publishing import Published
from agent.runtime.quarantining import Quarantine
from agent.runtime.supervision import Supervisor

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


class Observers:
    """All observers of one agent, and the tasks in which they are told."""

    def __init__(self, clock: Clock, supervisor: Supervisor) -> None:
        self._clock = clock
        self._supervisor = supervisor
        self._observing: dict[str, Observing] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def quarantines(self) -> list[Quarantine]:
        return [observing.quarantine for observing in self._observing.values()]

    def adopt(self, observers: Mapping[str, Observer]) -> None:
        """Take in those that are new; one that is here already stays as it is."""
        for name in observers.keys() - self._observing.keys():
            observing = self._observing[name] = Observing(name, observers[name], self._clock)
            self._tasks[name] = self._supervisor.keep(
                f"observer {name}", observing.run, quarantine=observing.quarantine
            )

    async def end_all_but(self, names: Collection[str]) -> None:
        gone = self._observing.keys() - set(names)
        await self._supervisor.end([self._tasks.pop(name) for name in gone])
        for name in gone:
            del self._observing[name]

    def tell(self, published: Published) -> None:
        for observing in self._observing.values():
            observing.tell(published)
