"""The journal: what has happened, in one SQLite file, written by one thread in whole commits."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from agent.alerts.letters import Address, Letter
from agent.errors import StoreError
from agent.model import Incident
from agent.store import outbox, shipments
from agent.store.answers import Answers
from agent.store.door import Door, History, Store
from agent.store.entry import Entry
from agent.store.journal_file import JournalFile
from agent.store.keeping import Limits
from agent.store.reading import FileHistory
from agent.store.shipments import Shipment
from agent.store.troubles import explain
from agent.store.writer import Writer

__all__ = ["Door", "Entry", "History", "Journal", "Store"]

PATIENCE_S = 2.0
"""How long a lock of another program is waited for; a critical notice then leaves from memory."""


INSTANCE = "sharing:instance"
"""The value under which a data folder keeps its own id."""


class Journal(FileHistory):
    """One file, one writer thread, group commit with `synchronous=FULL`.

    `append` never blocks and never raises: what cannot be written is told to the entry's
    `written`, and the loop goes on. With a `run`, the id of this process, all that is committed but
    reports is also kept as shipments, until an entry says that the shared store has them.
    """

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S, run: str | None = None) -> None:
        self._file = JournalFile(path, patience_s)
        self._writer = Writer(self._file, run=run, packed=self._packed)
        super().__init__(path, patience_s, damaged=self._writer.suspect)
        self._run = run
        self.epoch = 0
        """Under which ownership of the desk what is appended from now on is decided."""
        self.on_shipment: Callable[[], None] = lambda: None
        """Called on the event loop after a commit that has something to be shipped."""
        self._answers = Answers()
        self._values: dict[str, str] = {}
        self._waiting: list[Letter] = []
        self.reached: dict[tuple[Address, str], bool] = {}
        """Where open incidents had been told, or could not be, when the file was opened."""
        self.delivered_last: list[tuple[Address, datetime]] = []
        """Where and when the latest letters had been delivered, oldest first."""
        self.last_letter = 0
        """The highest number of a letter when the file was opened."""

    @property
    def loss(self) -> str | None:
        """That a damaged journal lies in the folder, for as long as it does."""
        left = [path.name for path in self._file.asides if path.exists()]
        if not left:
            return None
        return (
            f"{self.path}: it was damaged, and what could be read was taken over into a new one; "
            f"look at {', '.join(left)}, then move it out of the folder"
        )

    def open(self) -> None:
        """Open or make the file, bring its schema up to date, read the values. Raises `StoreError`.

        A damaged one is moved aside; what can be read of it is taken over into a new one.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file.read(self._read_in)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(explain(self.path, error)) from error
        if self._run is not None and INSTANCE not in self._values:
            self.append(Entry(values=((INSTANCE, uuid.uuid4().hex),)))

    def _read_in(self, connection: sqlite3.Connection) -> None:
        self._values = dict(connection.execute("SELECT key, value FROM value"))
        self._waiting = outbox.waiting(connection)
        self.reached = outbox.reached(connection)
        self.delivered_last = outbox.delivered_last(connection)
        self.last_letter = outbox.last(connection)

    def start(self) -> None:
        """Start the writer; needs the running event loop."""
        self._writer.start()

    def append(self, entry: Entry) -> None:
        self._values.update(entry.values)
        if self._run is not None and entry.epoch is None:
            entry = replace(entry, epoch=self.epoch)
        if entry.written is not None:
            entry = replace(entry, written=self._answers.expect(entry.written))
        self._writer.put(entry)

    def prune(self, limits: Limits) -> None:
        """Forget what lies beyond the limits, in small steps while nothing is to be written."""
        self.append(Entry(limits=limits))

    @property
    def size_bytes(self) -> int:
        """Of the file and its `-wal`, when it was last written."""
        return self._writer.size_bytes

    def hurry(self) -> None:
        """Called every few seconds: who has waited since the former call is told that the disk hangs.

        Their entries are written all the same, when it answers.
        """
        self._answers.give_up(
            StoreError(f"{self.path}: the disk does not answer; look at it, writing goes on when it does")
        )

    def value(self, key: str) -> str | None:
        """The latest value under a key, written or about to be."""
        return self._values.get(key)

    def values_under(self, prefix: str) -> dict[str, str]:
        """The latest values whose keys begin so, by the rest of their keys."""
        found = {key: value for key, value in self._values.items() if key.startswith(prefix)}
        return {key.removeprefix(prefix): value for key, value in found.items()}

    @property
    def waiting(self) -> tuple[Letter, ...]:
        """The letters that a former run left open and nobody has taken yet."""
        return tuple(self._waiting)

    def take_waiting(self) -> list[Letter]:
        """The letters that a former run left open, in their order; the caller's from now on."""
        letters, self._waiting = self._waiting, []
        return letters

    # -- shared with other agents ----------------------------------------------------------------

    @property
    def instance(self) -> str:
        """The data folder's own id, made once. Only of a journal with a `run`, once it is open."""
        return self._values[INSTANCE]

    def _packed(self) -> None:
        self.on_shipment()

    async def shipments(self, limit: int) -> list[Shipment]:
        """The oldest that wait, in order; fewer than `limit` where they are long. Raises `StoreError`."""
        return await asyncio.to_thread(self._shipments, limit)

    def _shipments(self, limit: int) -> list[Shipment]:
        with self._reading() as connection:
            return shipments.oldest(connection, limit)

    def inherit(
        self,
        *,
        values: Mapping[str, str],
        incidents: Iterable[Incident],
        letters: Iterable[Letter],
        reached: Mapping[tuple[Address, str], bool],
        delivered_last: Sequence[tuple[Address, datetime]],
        last_letter: int,
    ) -> None:
        """Go on from what the shared store knows, in place of what the former run left here.

        It is written here and not shipped. The folder's own values stay, whatever is handed in.
        """
        self.reached, self.delivered_last = dict(reached), list(delivered_last)
        self.last_letter = max(self.last_letter, last_letter)
        self._waiting = []
        shared = tuple((key, value) for key, value in values.items() if shipments.is_shared(key))
        self.append(Entry(values=shared, incidents=tuple(incidents), letters=tuple(letters), inherited=True))

    # -- to the end ------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Wait until all that was appended so far is on disk, or known not to be."""
        if not self._writer.is_running:
            return
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()

        def written(error: StoreError | None) -> None:
            if not done.done():  # whoever waited may have lost patience
                done.set_result(error)

        self.append(Entry(written=written))
        await done

    async def close(self) -> None:
        """Write what is waiting, and end the thread."""
        await self._writer.close()
