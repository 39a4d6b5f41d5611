"""What an agent holds while it runs: its folder, its journal, and the right to send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from agent.alerts.ids import Ids, RandomIds
from agent.alerts.letters import Letter
from agent.runtime.lock import FolderLock
from agent.store.door import Door
from agent.store.journal import Journal

FILE = "journal.sqlite"


class Gate(Protocol):
    """Through which letters that are on disk go to their senders."""

    def put(self, letters: Iterable[Letter]) -> None: ...

    def passed(self, letter: Letter) -> None:
        """A person has had this one sent, past the gate."""
        ...


class OpenGate:
    """There is nobody else: they go at once."""

    def __init__(self, send: Callable[[list[Letter]], None]) -> None:
        self._send = send

    def put(self, letters: Iterable[Letter]) -> None:
        self._send([*letters])

    def passed(self, letter: Letter) -> None:
        """There is nothing that it could be claimed from."""


class Holding(Protocol):
    """`permit` is whether an attempt to send may begin, `trouble` what is amiss with what is shared,
    and `clock_trouble` with this machine's clock beside those of the others.
    """

    journal: Door
    ids: Ids

    def gate(self, send: Callable[[list[Letter]], None]) -> Gate: ...

    def permit(self) -> bool: ...

    def trouble(self) -> str | None: ...

    def clock_trouble(self) -> str | None: ...

    async def open(self) -> None:
        """Raises `StoreError` when the data folder or the journal cannot be used."""
        ...

    async def close(self) -> None: ...


class OwnFolder:
    """One agent alone, with one data folder."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / FILE)
        self.ids: Ids = RandomIds()
        self._lock = FolderLock(folder)

    def gate(self, send: Callable[[list[Letter]], None]) -> Gate:
        return OpenGate(send)

    def permit(self) -> bool:
        return True

    def trouble(self) -> str | None:
        return None

    def clock_trouble(self) -> str | None:
        return None

    async def open(self) -> None:
        self._lock.acquire()
        self.journal.open()
        self.journal.start()

    async def close(self) -> None:
        await self.journal.close()
        self._lock.release()
