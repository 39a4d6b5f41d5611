"""Hears the server between two turns: its wake-ups, and that it is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from agent.clock import Clock
from agent.runtime.sharing.link import Link
from agent.store.postgres.connecting import Connection, SharedStoreError
from agent.store.postgres.waking import heard, listens

log = logging.getLogger(__name__)


class Ears:
    """Of one link. `hear` is called with each word; `stir` ends a rest, as does a server that is gone."""

    def __init__(self, link: Link, clock: Clock, hear: Callable[[str], None]) -> None:
        self._link = link
        self._clock = clock
        self._hear = hear
        self._listening: Connection | None = None
        self._stirred = asyncio.Event()

    def listens_on(self, connection: Connection) -> bool:
        return connection is self._listening

    async def listen(self, connection: Connection) -> None:
        """Have the server wake us; behind a pooler it does not, and the turns alone must do."""
        if await listens(connection):
            connection.add_notify_handler(lambda note: self._hear(note.payload))
        else:
            log.info("a pooler stands before the shared store: nobody is woken, the turns must do")
        self._listening = connection

    def stir(self) -> None:
        """Rest no longer."""
        self._stirred.set()

    def begin(self) -> None:
        """What stirs from now on ends the next rest."""
        self._stirred.clear()

    async def rest(self, longest_s: float) -> None:
        """For so long at most."""
        descriptor, connection = self._link.descriptor, self._link.connection
        loop = asyncio.get_running_loop()
        if descriptor is not None and connection is not None:
            loop.add_reader(descriptor, self._read, connection)
        try:
            async with self._clock.timeout(longest_s):
                await self._stirred.wait()
        except TimeoutError:
            pass
        finally:
            if descriptor is not None:
                with suppress(OSError, ValueError):
                    loop.remove_reader(descriptor)

    def _read(self, connection: Connection) -> None:
        """The server has said something by itself."""
        if connection.lock.locked():
            return  # somebody asks it something, and reads this as well
        try:
            for word in heard(connection):
                self._hear(word)
        except SharedStoreError:
            self.stir()  # it is gone; the turn finds out
