"""Wake-ups between agents: a word on a channel, which says only that it is worth looking now."""

from __future__ import annotations

from uuid import uuid4

from agent.store.postgres.connecting import PATIENCE_S, Connection, speaking, writing

CHANNEL = "openbell"

ECHO_S = 1.0
"""So long a connection's own word is waited for."""


def lease_word(resource: str) -> str:
    """The word of who lets go of a lease."""
    return f"lease/{resource}"


def letters_word(desk: str) -> str:
    """The word of who has letters that the desk's owner is to send."""
    return f"letters/{desk}"


async def wake(connection: Connection, word: str) -> None:
    """Tell a word to all who listen. Rarely: such commits queue up. Raises `SharedStoreError`."""
    async with writing(connection):
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, word))


async def listens(connection: Connection) -> bool:
    """Begin to listen; false where words do not come through, for a pooler stands between.

    A pooler answers with a process id of its own making. One that does not is found out by a word to
    oneself that does not come. Raises `SharedStoreError`.
    """
    with speaking(connection):
        cursor = await connection.execute("SELECT pg_backend_pid()")
        if await cursor.fetchone() != (connection.info.backend_pid,):
            return False
        await connection.execute(f"LISTEN {CHANNEL}")
        word = f"echo/{uuid4()}"
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, word))
        return word in await wait(connection, ECHO_S)


def heard(connection: Connection) -> set[str]:
    """The words that have come by now; nothing is waited for. Raises `SharedStoreError`."""
    words = set()
    with speaking(connection):
        connection.pgconn.consume_input()
        while (note := connection.pgconn.notifies()) is not None:
            words.add(note.extra.decode())
    return words


async def wait(connection: Connection, timeout_s: float) -> set[str]:
    """The words that have come, as soon as one has; none after the time. Raises `SharedStoreError`."""
    with speaking(connection, timeout_s + PATIENCE_S):
        words = {note.payload async for note in connection.notifies(timeout=timeout_s, stop_after=1)}
    return {word for word in words if word}
