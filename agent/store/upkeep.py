"""The upkeep of the journal's file: pruned between commits, a step at a time, and its `-wal` kept short."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from agent.store import files
from agent.store.journal_file import JournalFile
from agent.store.keeping import Limits
from agent.store.pruning import sweep, used_bytes, whole_bytes
from agent.store.troubles import FAULTS, WEATHER, is_damage

log = logging.getLogger(__name__)


class Upkeep:
    """One sweep at a time, in the writer's thread; what disturbs it ends it, and the next begins anew."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._limits: Limits | None = None
        self._connection: sqlite3.Connection | None = None
        self._steps: Iterator[int] = iter(())
        self._is_too_large = False

    @property
    def is_under_way(self) -> bool:
        return self._limits is not None

    def begin(self, limits: Limits) -> None:
        """Sweep by these limits from the next step on."""
        self._limits, self._connection = limits, None

    def step(self) -> bool:
        """Do a little; whether it cost something, so that the disk and others now get their turn."""
        try:
            connection, limits = self._file.in_use(), self._limits
            if connection is not None and limits is not None:
                with _unhurried(connection):
                    return self._step(connection, limits)
        except (*FAULTS, *WEATHER) as error:  # a row, or a disk: whoever writes will say so
            self._file.is_suspect |= is_damage(error)
        self._limits = None
        return False

    def _step(self, connection: sqlite3.Connection, limits: Limits) -> bool:
        if connection is not self._connection:
            self._connection, self._steps = connection, sweep(connection, limits)
        for gone in self._steps:
            return gone > 0
        self._limits = None
        self._end(connection, limits)
        return False

    def _end(self, connection: sqlite3.Connection, limits: Limits) -> None:
        path = self._file.path
        is_long = files.length(files.beside(path, "-wal")) > files.WAL_BYTES
        if is_long or files.length(path) > whole_bytes(connection):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # unless a reader needs it
        was_too_large, self._is_too_large = self._is_too_large, used_bytes(connection) > limits.max_bytes
        if self._is_too_large and not was_too_large:
            log.warning(
                "%s: what must stay needs more than [store] max_size allows; set a higher one, or a "
                "shorter keep", path,
            )  # fmt: skip


@contextmanager
def _unhurried(connection: sqlite3.Connection) -> Iterator[None]:
    """Wait for nobody's lock, and not for the disk either: a step that a power cut undoes is done again."""
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA synchronous = {files.SYNCHRONOUS}")
        connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
