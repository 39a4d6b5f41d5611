"""What the rest of the agent asks of a store; another engine may stand behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from agent.alerts.letters import Address, Letter, LetterState
from agent.model import Incident
from agent.store.entry import Entry
from agent.store.keeping import Limits


class Store(Protocol):
    """What the core needs: entries are written, and the latest values are known."""

    def append(self, entry: Entry) -> None:
        """Write an entry some time soon, whole or not at all; never blocks and never raises."""
        ...

    def value(self, key: str) -> str | None:
        """The latest value under a key, written or about to be."""
        ...

    def values_under(self, prefix: str) -> dict[str, str]:
        """The latest values whose keys begin so, by the rest of their keys."""
        ...


class History(Protocol):
    """What was written, read back by people."""

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest transitions, newest first, from below the id `before`. Raises `StoreError`."""
        ...

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """The latest incidents, newest first, opened before an instant. Raises `StoreError`."""
        ...

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        """One incident and its timeline, oldest first; `None` for an unknown id. Raises `StoreError`."""
        ...

    async def states(self, machine: str, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        """A machine's changes of state, the one that held at `since` first. Raises `StoreError`."""
        ...

    async def awake(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The stretches, touching that time, in which the agent ran. Raises `StoreError`."""
        ...

    async def known_since(self) -> datetime | None:
        """When the agent first ran; `None` if it has not yet written so. Raises `StoreError`."""
        ...

    async def minded(self, since: datetime, until: datetime) -> list[datetime]:
        """When a person acknowledged an incident or had a machine do something. Raises `StoreError`."""
        ...

    async def deeds(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest lines of the audit, newest first, from below the id `before`. Raises `StoreError`."""
        ...

    async def letters(
        self, *, limit: int = 100, before: int | None = None, state: LetterState | None = None
    ) -> list[Letter]:
        """The latest letters, newest first, from below the number `before`. Raises `StoreError`."""
        ...

    async def letters_of(self, incident: str) -> list[Letter]:
        """All letters of an incident that are still kept, oldest first. Raises `StoreError`."""
        ...

    async def letter(self, letter_id: str) -> Letter | None:
        """One letter by its id. Raises `StoreError`."""
        ...


class Door(Store, History, Protocol):
    """All of a journal that is open."""

    @property
    def reached(self) -> Mapping[tuple[Address, str], bool]:
        """Where open incidents had been told, or could not be, at the start."""
        ...

    @property
    def delivered_last(self) -> Sequence[tuple[Address, datetime]]:
        """Where and when the latest letters had been delivered, oldest first."""
        ...

    @property
    def last_letter(self) -> int:
        """The highest number of a letter at the start."""
        ...

    @property
    def loss(self) -> str | None:
        """That a damaged journal lies in the folder, for as long as it does."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the file and its `-wal`, when it was last written."""
        ...

    def take_waiting(self) -> list[Letter]:
        """The letters that a former run left open, in their order; the caller's from now on."""
        ...

    def prune(self, limits: Limits) -> None:
        """Forget what lies beyond the limits, some time later and little by little."""
        ...

    def hurry(self) -> None:
        """Called every few seconds: who has waited since the former call is told that the disk hangs."""
        ...

    def open(self) -> None:
        """Open or make the file, and read the values. Raises `StoreError`."""
        ...

    def start(self) -> None:
        """Start writing; needs the running event loop."""
        ...

    async def flush(self) -> None:
        """Wait until all that was appended so far is on disk, or known not to be."""
        ...

    async def close(self) -> None:
        """Write what is waiting, and end."""
        ...
