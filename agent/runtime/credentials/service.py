"""The credentials of one agent: built from their tables, loaded at the start, watched while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from agent.abilities import KeyValue
from agent.clock import Clock
from agent.config.credentials import CredentialSettings
from agent.runtime.credentials.memory import Memory, hash_key
from agent.runtime.credentials.sources import Source, open_source
from agent.runtime.credentials.stored import StoredCredential
from agent.runtime.credentials.watching import POLL, FileWatch
from agent.runtime.threads import Threads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A credential and where it comes from."""

    source: Source
    credential: StoredCredential


class CredentialService:
    """Holds every `[credentials.NAME]`; relative paths count from `folder`."""

    def __init__(
        self,
        settings: Mapping[str, CredentialSettings],
        *,
        clock: Clock,
        store: KeyValue,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        poll: timedelta = POLL,
    ) -> None:
        self._poll = poll
        self._variables = os.environ if environment is None else environment
        self._store = store
        self._folder = folder
        self._key = hash_key(store)
        self._writing = asyncio.Lock()
        self._threads = Threads("credentials", 2)
        self._clock = clock
        self._sources: dict[str, Source] = {}
        self.exposed: dict[str, str] = {}
        """Why others than the agent's user could read a source when it was loaded."""
        self.credentials: dict[str, StoredCredential] = {}
        self.adopt(self.open(settings))

    def open(self, settings: Mapping[str, CredentialSettings]) -> dict[str, Opened]:
        """Credentials that are not in force yet."""
        return {name: self._open(name, table) for name, table in settings.items()}

    def _open(self, name: str, table: CredentialSettings) -> Opened:
        source = open_source(table, self._folder, self._variables)
        credential = StoredCredential(
            name,
            source,
            clock=self._clock,
            memory=Memory(name, self._store, self._key),
            threads=self._threads,
            writing=self._writing,
        )
        return Opened(source, credential)

    async def start(self) -> None:
        """Read every source once, before the machines ask for them, and warn of those open to others."""
        await self.load({name: Opened(self._sources[name], one) for name, one in self.credentials.items()})

    async def load(self, opened: Mapping[str, Opened]) -> None:
        """As `start`, for what was just opened."""
        for name, one in opened.items():
            await one.credential.load()
            exposed = await self._threads.run(one.source.exposure)
            if exposed is not None:
                self.exposed[name] = exposed
                log.warning("credential %s: %s", name, exposed)

    def adopt(self, opened: Mapping[str, Opened], gone: Collection[str] = ()) -> None:
        """Take up what was opened and let go of what is gone; `run` must begin anew."""
        for name in gone:
            del self.credentials[name], self._sources[name]
        for name, one in opened.items():
            self.credentials[name], self._sources[name] = one.credential, one.source

    async def run(self) -> None:
        """Follow the sources for as long as the agent lives."""
        watched = [
            (self.credentials[name], source.watched)
            for name, source in self._sources.items()
            if source.watched is not None
        ]
        if not watched:
            await asyncio.Event().wait()

        def stir_all() -> None:
            for credential, _ in watched:
                credential.stir()

        files = [path for _, path in watched if path is not None]
        watch = FileWatch(files, stir_all, clock=self._clock, threads=self._threads, poll=self._poll)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch.run(), name="credential watch")
            for credential, _ in watched:
                tasks.create_task(credential.follow(), name=f"credential {credential.name}")

    def troubles(self) -> dict[str, str]:
        """Why a credential's source does not do its work, by name; empty when all is well."""
        return {
            name: credential.state.value.trouble
            for name, credential in self.credentials.items()
            if credential.state.value.trouble
        }

    def values(self) -> frozenset[str]:
        """The secrets held now, for whatever keeps them out of sight."""
        held = (credential.state.value.secret for credential in self.credentials.values())
        return frozenset(secret.value for secret in held if secret is not None)
