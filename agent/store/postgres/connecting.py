"""Connections to the shared store: how they are made, and how nobody waits for them for ever."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from math import ceil
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from agent.store.postgres.address import Address
from agent.store.postgres.troubles import SharedStoreError, explain, silent, too_old, unreadable

__all__ = ["Address", "Connection", "SharedStoreError", "connect", "explain", "speaking", "writing"]

CONNECT_S = 2.0
LEAST_S = 2
"""psycopg waits for no host for less."""
SPARE_S = 0.5
CANCEL_S = 0.5
PATIENCE_S = 5.0
"""So long a transaction may take, from its beginning to the answer to its commit."""
ATTEMPTS = 5
"""So often a statement alone is tried that the server turns away for what others do at that moment."""

SETTINGS = {
    "application_name": "openbell",
    "client_encoding": "UTF8",
    "gssencmode": "disable",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "4000",
}
"""What holds where the URL says nothing: a server that has vanished is noticed within seconds."""

GUARDS = (
    "SELECT set_config('idle_in_transaction_session_timeout', '1s', true),"
    " set_config('lock_timeout', '1500ms', true), set_config('statement_timeout', '4s', true),"
    " set_config('tcp_keepalives_idle', '1', true), set_config('tcp_keepalives_interval', '1', true),"
    " set_config('tcp_keepalives_count', '3', true)"
)
"""For one transaction: of a client that has stopped or vanished in it, no lock is left after seconds."""


class Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection that knows where it leads."""

    address: Address
    is_hung_up = False

    def explain(self, error: BaseException) -> SharedStoreError:
        """What an error on this connection means."""
        return silent(self.address) if self.is_hung_up else explain(self.address, error)

    async def execute(self, *asked: Any, **options: Any) -> psycopg.AsyncCursor[TupleRow]:
        """Run a statement; one outside a transaction again, where the server turned it away unchanged.

        A transaction of ours reads what is committed. A statement alone runs as the database is set to, and
        where that is serializable, or repeatable read, the server asks for such a retry.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await super().execute(*asked, **options)
            except psycopg.errors.SerializationFailure:
                if self.info.transaction_status != TransactionStatus.IDLE:
                    raise
        return await super().execute(*asked, **options)

    async def cancel_safe(self, *, timeout: float = CANCEL_S) -> None:
        """Ask the server to leave off; where it does not answer soon, hang up.

        For a task that is cancelled, psycopg calls it, and then waits for the server's last word.
        """
        try:
            await super().cancel_safe(timeout=min(timeout, CANCEL_S))
        except psycopg.Error:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """End it from this side, at once: whoever waits for an answer on it gets an error."""
        self.is_hung_up = True
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


async def connect(
    address: Address,
    *,
    timeout_s: float = CONNECT_S,
    isolation: psycopg.IsolationLevel = psycopg.IsolationLevel.READ_COMMITTED,
    read_only: bool | None = None,
) -> Connection:
    """A connection in autocommit, after so long at most for each host of the address.

    Its transactions are isolated so, whatever the database is set to. Raises `SharedStoreError`. Where
    there are several hosts, each has as long as psycopg waits for a silent one at least, or those behind
    it are never asked.

    Nothing is prepared on the server and nothing set for the session, so that a pooler may stand between.
    """
    given = conninfo_to_dict(address.url)
    settings = {name: value for name, value in SETTINGS.items() if name not in given}
    host_s = max(LEAST_S, ceil(timeout_s))
    settings.setdefault("connect_timeout", str(host_s))
    cancels = _cancels()
    try:
        async with asyncio.timeout(timeout_s if address.hosts == 1 else (host_s + SPARE_S) * address.hosts):
            connection = await Connection.connect(
                make_conninfo(address.url, **settings), autocommit=True, prepare_threshold=None
            )
    except (psycopg.Error, OSError) as error:
        raise explain(address, error) from error
    try:
        connection.address = address
        _heed(cancels)
        _must_suit(connection)
        await connection.set_isolation_level(isolation)
        await connection.set_read_only(read_only)
    except BaseException:
        connection.pgconn.finish()
        raise
    return connection


def _must_suit(connection: Connection) -> None:
    told = connection.info.parameter_status
    problem = too_old(connection.address, connection.info.server_version) or unreadable(
        connection.address, told("DateStyle"), told("IntervalStyle")
    )
    if problem is not None:
        raise problem


@contextmanager
def speaking(connection: Connection, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Errors become `SharedStoreError`, and a server that does not answer in time is hung up on.

    To cancel the task instead would have psycopg wait for the server once more.
    """
    cancels = _cancels()
    late = asyncio.get_running_loop().call_later(patience_s, connection.hang_up)
    try:
        yield
    except (psycopg.Error, OSError) as error:
        _heed(cancels)
        raise connection.explain(error) from error
    else:
        _heed(cancels)
    finally:
        late.cancel()


def _cancels() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _heed(cancels: int) -> None:
    """End a task that was cancelled since then, where the driver kept that to itself.

    Its older versions may give an answer, or an error of their own, in place of a cancellation; a task
    that is to end would then go on, and connect anew behind the back of whoever ended it.
    """
    if _cancels() > cancels:
        raise asyncio.CancelledError


@asynccontextmanager
async def writing(connection: Connection, patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
    """One transaction that is safe from a client that stops in it. Raises `SharedStoreError`."""
    with speaking(connection, patience_s):
        async with connection.transaction():
            await connection.execute(GUARDS)
            yield
