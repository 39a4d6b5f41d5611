"""Has the shared history forget what the owner's journal forgets, off the main line."""

from __future__ import annotations

import logging

from agent.runtime.sharing.link import Link
from agent.runtime.supervision import Supervisor
from agent.store.keeping import Limits
from agent.store.postgres.connecting import Address, SharedStoreError
from agent.store.postgres.pruning import prune

log = logging.getLogger(__name__)

CONNECT_S = 2.0
PATIENCE_S = 300.0


class Sweeper:
    """One sweep at a time, on a connection of its own, which it needs every ten minutes only."""

    def __init__(self, address: Address, desk: str, supervisor: Supervisor) -> None:
        self._link = Link(address)
        self._desk = desk
        self._supervisor = supervisor
        self._is_under_way = False

    def sweep(self, limits: Limits) -> None:
        """Begin to forget what lies beyond the limits, unless that is still under way."""
        if not self._is_under_way:
            self._is_under_way = True
            self._supervisor.spawn("pruning", self._sweep(limits))

    async def _sweep(self, limits: Limits) -> None:
        try:
            async with self._link.use(PATIENCE_S, connect_s=CONNECT_S) as connection:
                await prune(connection, self._desk, limits)
        except SharedStoreError as error:
            log.warning("the shared history is pruned another time: %s", error)
        finally:
            self._link.drop()
            self._is_under_way = False
