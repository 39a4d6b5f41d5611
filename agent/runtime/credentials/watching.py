"""Tells when files may have changed: by their folders at once, and by a slow poll whatever happens.

Folders, not files, as editors and atomic writes put a new file in the old one's place. The poll
is for what the kernel does not tell: network and overlay mounts, a file that is mounted by itself.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.runtime.threads import Threads

log = logging.getLogger(__name__)
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change at INFO

POLL = timedelta(seconds=10)
"""How often the files are looked at beneath the watch, for what it does not tell."""

STEP_MS = 200
"""How long changes are gathered; a shorter step costs more wake-ups in an idle agent."""

_SWAPPED_FOLDER = "..data"
"""The link that Kubernetes turns to another folder when it updates a mounted secret."""

Identity = tuple[tuple[Path, int, int], ...]


class FileWatch:
    """Calls `tell` when one of the files may have changed."""

    def __init__(
        self,
        files: Sequence[Path],
        tell: Callable[[], None],
        *,
        clock: Clock,
        threads: Threads,
        poll: timedelta = POLL,
    ) -> None:
        self._files = tuple(files)
        self._tell = tell
        self._clock = clock
        self._threads = threads
        self._poll_s = poll.total_seconds()
        self._armed: Identity = ()
        self._rearm = asyncio.Event()

    async def run(self) -> None:
        """Watch for as long as the agent lives. Without files there is nothing to do, and it waits."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="credential folders")
            tasks.create_task(self._poll(), name="credential poll")

    async def _poll(self) -> None:
        while True:
            await self._clock.sleep(self._poll_s)
            self._tell()
            if await self._threads.run(self._identity) != self._armed:
                self._rearm.set()

    async def _watch(self) -> None:
        """Watch the folders that are there; begin anew when one of them has become another."""
        watchfiles = await self._threads.run(importlib.import_module, "watchfiles")
        while True:
            self._rearm.clear()
            self._armed = await self._threads.run(self._identity)
            self._clock.call_later(0, self._tell)  # once the watch stands: what came before it is seen too
            if self._armed:
                await self._follow(watchfiles)
            await self._rearm.wait()

    async def _follow(self, watchfiles: Any) -> None:
        changes = watchfiles.awatch(
            *(folder for folder, _, _ in self._armed),
            watch_filter=lambda _, path: self._concerns(Path(path)),
            debounce=STEP_MS,
            step=STEP_MS,
            stop_event=self._rearm,
            recursive=False,
        )
        try:
            async for _ in changes:
                self._tell()
        except (OSError, RuntimeError) as error:
            log.warning(
                "credentials: changes are seen every %g s only, as folders cannot be watched: %s",
                self._poll_s,
                error,
            )

    def _concerns(self, changed: Path) -> bool:
        return changed.name == _SWAPPED_FOLDER or any(
            changed.name in (file.name, file.resolve().name) for file in self._files
        )

    def _identity(self) -> Identity:
        """The folders to watch, a link's own and its target's, and which ones they are just now."""
        folders = {folder for file in self._files for folder in (file.parent, file.resolve().parent)}
        return tuple(
            (folder, found.st_dev, found.st_ino)
            for folder in sorted(folders)
            if (found := _stat(folder)) is not None
        )


def _stat(folder: Path) -> Any:
    try:
        return folder.stat() if folder.is_dir() else None
    except OSError:
        return None
