"""One connection to the shared store: opened when it is needed, thrown away when it is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.store.postgres.connecting import Address, Connection, SharedStoreError, connect, speaking


class Link:
    """For one user at a time; another one waits for its turn."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._is_over = False

    @asynccontextmanager
    async def use(self, patience_s: float, *, connect_s: float | None = None) -> AsyncIterator[Connection]:
        """The connection, for at most so long, once it is there.

        Raises `SharedStoreError`, and the next use begins anew.
        """
        async with self._turn:
            connection = await self._open(patience_s if connect_s is None else connect_s)
            try:
                with speaking(connection, patience_s):
                    yield connection
            except BaseException:
                self.drop()
                raise

    async def _open(self, patience_s: float) -> Connection:
        self._must_go_on()
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self.address, timeout_s=patience_s)
            self._must_go_on()
        return self._connection

    def _must_go_on(self) -> None:
        if self._is_over:
            self.drop()
            raise SharedStoreError(f"{self.address.place}: this agent is ending")

    def hang_up(self) -> None:
        """Whoever waits for the server now hears that it is gone."""
        if self._connection is not None and not self._connection.closed:
            self._connection.hang_up()

    def drop(self) -> None:
        """Close it without a word: the server may not be there to hear one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    def end(self) -> None:
        """Close it for good: whoever comes late is refused."""
        self._is_over = True
        self.drop()

    @property
    def connection(self) -> Connection | None:
        """As it is now, in nobody's use or somebody's."""
        return self._connection

    @property
    def descriptor(self) -> int | None:
        """What becomes readable when the server says something by itself."""
        connection = self._connection
        return None if connection is None or connection.closed else connection.fileno()
