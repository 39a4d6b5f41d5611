"""The credentials in force: opened, followed, exchanged for others, and their values kept out of sight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from agent.abilities import CredentialState
from agent.clock import Clock
from agent.config.credentials import CredentialSettings
from agent.runtime.context import JournaledValues
from agent.runtime.credentials import CredentialService, Opened, StoredCredential
from agent.runtime.redaction import Redactor
from agent.runtime.supervision import Supervisor
from agent.store.journal import Door


class Keyring:
    """All credentials of one agent. `changed` hears when one's source begins or ceases to be in trouble."""

    def __init__(
        self,
        clock: Clock,
        journal: Door,
        *,
        supervisor: Supervisor,
        redactor: Redactor,
        changed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._supervisor = supervisor
        self._redactor = redactor
        self._changed = changed
        self._service: CredentialService | None = None
        self._troubles: dict[str, str] = {}
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def service(self) -> CredentialService:
        if self._service is None:
            raise RuntimeError("the agent has not been started")
        return self._service

    def troubles(self) -> dict[str, str]:
        """Why a credential's source does not do its work, by name; empty when all is well."""
        return self._service.troubles() if self._service is not None else {}

    async def open(self, tables: Mapping[str, CredentialSettings], folder: Path) -> None:
        """Read them all once, before the machines ask for them."""
        store = JournaledValues(self._journal, "credentials")
        service = CredentialService(tables, clock=self._clock, store=store, folder=folder)
        self._follow(service.credentials.values())
        await service.start()
        self._service = service

    def set_going(self) -> None:
        """Follow their sources."""
        self._tasks = (self._supervisor.keep("credentials", self.service.run),)

    async def stage(self, tables: Mapping[str, CredentialSettings]) -> dict[str, Opened]:
        """Open further ones and read them, without putting them in force."""
        opened = self.service.open(tables)
        self._follow(one.credential for one in opened.values())
        await self.service.load(opened)
        return opened

    async def adopt(self, opened: Mapping[str, Opened], gone: Collection[str]) -> None:
        """Put what was staged in force, and let go of what is gone."""
        await self._supervisor.end(self._tasks)
        self.service.adopt(opened, gone)
        self.set_going()

    def _follow(self, credentials: Iterable[StoredCredential]) -> None:
        for credential in credentials:
            credential.state.subscribe(self._look)

    def _look(self, state: CredentialState) -> None:
        if state.secret is not None:
            self._redactor.add(state.secret.value)
        troubles = self.troubles()
        if troubles != self._troubles:
            self._troubles = troubles
            self._changed()
