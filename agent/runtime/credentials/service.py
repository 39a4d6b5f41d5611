"""The credentials of one agent: built from their tables, loaded at the start, watched while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from agent.abilities import KeyValue
from agent.clock import Clock
from agent.config.credentials import CredentialSettings
from agent.runtime.credentials.memory import Memory, hash_key
from agent.runtime.credentials.sources import open_source
from agent.runtime.credentials.stored import StoredCredential
from agent.runtime.credentials.watching import FileWatch
from agent.runtime.threads import Threads

log = logging.getLogger(__name__)


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
    ) -> None:
        variables = os.environ if environment is None else environment
        key = hash_key(store)
        writing = asyncio.Lock()
        self._threads = Threads("credentials", 2)
        self._clock = clock
        self._sources = {name: open_source(table, folder, variables) for name, table in settings.items()}
        self.credentials: dict[str, StoredCredential] = {
            name: StoredCredential(
                name,
                source,
                clock=clock,
                memory=Memory(name, store, key),
                threads=self._threads,
                writing=writing,
            )
            for name, source in self._sources.items()
        }

    async def start(self) -> None:
        """Read every source once, before the machines ask for them, and warn of those open to others."""
        for name, credential in self.credentials.items():
            await credential.load()
            exposed = await self._threads.run(self._sources[name].exposure)
            if exposed is not None:
                log.warning("credential %s: %s", name, exposed)

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
        watch = FileWatch(files, stir_all, clock=self._clock, threads=self._threads)
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
