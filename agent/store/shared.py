"""A journal that is shared: written here, read where all agents of a desk have written."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from agent.alerts.letters import Address, Letter, LetterState
from agent.errors import StoreError
from agent.model import Incident
from agent.store.door import Door, History
from agent.store.entry import Entry
from agent.store.keeping import Limits

log = logging.getLogger(__name__)

Found = TypeVar("Found")


class SharedJournal:
    """The local journal takes what is written; the shared history is read, and while it cannot be, the local.

    The ids of transitions and deeds are those of where they are read: whoever turns a page while the shared
    store goes or comes back may see some twice, or not.
    """

    def __init__(
        self, local: Door, shared: History, *, pruned: Callable[[Limits], None] = lambda limits: None
    ) -> None:
        """`pruned` hears what the shared history is to forget as well."""
        self._pruned = pruned
        self._local = local
        self._shared = shared
        self._is_alone = False

    # -- written here, and known here ------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        self._local.append(entry)

    def value(self, key: str) -> str | None:
        return self._local.value(key)

    def values_under(self, prefix: str) -> dict[str, str]:
        return self._local.values_under(prefix)

    @property
    def reached(self) -> Mapping[tuple[Address, str], bool]:
        return self._local.reached

    @property
    def delivered_last(self) -> Sequence[tuple[Address, datetime]]:
        return self._local.delivered_last

    @property
    def last_letter(self) -> int:
        return self._local.last_letter

    @property
    def loss(self) -> str | None:
        return self._local.loss

    @property
    def size_bytes(self) -> int:
        return self._local.size_bytes

    def take_waiting(self) -> list[Letter]:
        return self._local.take_waiting()

    def prune(self, limits: Limits) -> None:
        self._local.prune(limits)
        self._pruned(limits)

    def hurry(self) -> None:
        self._local.hurry()

    def open(self) -> None:
        self._local.open()

    def start(self) -> None:
        self._local.start()

    async def flush(self) -> None:
        await self._local.flush()

    async def close(self) -> None:
        await self._local.close()

    # -- read where all have written -------------------------------------------------------------

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        return await self._either(lambda one: one.history(limit=limit, before=before))

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        return await self._either(lambda one: one.incidents(limit=limit, before=before))

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        return await self._either(lambda one: one.incident(id_))

    async def states(self, machine: str, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        return await self._either(lambda one: one.states(machine, since, until))

    async def awake(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        return await self._either(lambda one: one.awake(since, until))

    async def known_since(self) -> datetime | None:
        return await self._either(lambda one: one.known_since())

    async def minded(self, since: datetime, until: datetime) -> list[datetime]:
        return await self._either(lambda one: one.minded(since, until))

    async def deeds(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        return await self._either(lambda one: one.deeds(limit=limit, before=before))

    async def letters(
        self, *, limit: int = 100, before: int | None = None, state: LetterState | None = None
    ) -> list[Letter]:
        return await self._either(lambda one: one.letters(limit=limit, before=before, state=state))

    async def letters_of(self, incident: str) -> list[Letter]:
        return await self._either(lambda one: one.letters_of(incident))

    async def letter(self, letter_id: str) -> Letter | None:
        return await self._either(lambda one: one.letter(letter_id))

    async def _either(self, ask: Callable[[History], Awaitable[Found]]) -> Found:
        try:
            found = await ask(self._shared)
        except StoreError as error:
            if not self._is_alone:
                log.warning("%s; this agent's own history is shown until then", error)
            self._is_alone = True
            return await ask(self._local)
        if self._is_alone:
            log.info("the shared history can be read again")
        self._is_alone = False
        return found
