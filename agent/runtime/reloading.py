"""Watches the files of the configuration, and has what they say anew taken up, if it is good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock
from agent.config.blueprint import Blueprint
from agent.config.changes import Changes
from agent.config.fragments import fingerprint
from agent.errors import AgentError
from agent.model import Subject, Transition
from agent.runtime.threads import Threads
from agent.store.journal import Door, Entry
from agent.text import plain

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the files are looked at; a change counts once they have said the same twice."""

TAKEN_UP = "TAKEN_UP"
REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Reloads:
    """How the configuration is read again; `asked` is set by who wants that at once."""

    load: Callable[[], Blueprint]
    asked: asyncio.Event = field(default_factory=asyncio.Event)


class Reloading:
    """Reads the files anew when they change, or when asked.

    Polled, not watched: it costs next to nothing, works on every mount, and an edit is whole
    when it has lasted for a second. Each reading is a line of the history, where there is a `journal`.
    """

    def __init__(
        self,
        reloads: Reloads,
        *,
        clock: Clock,
        journal: Door | None,
        path: Path,
        seen: str,
        adopt: Callable[[Blueprint], Awaitable[Changes]],
        refused: Callable[[str], None],
        clean: Callable[[str], str],
        look: Callable[[Path], str] = fingerprint,
    ) -> None:
        self._reloads = reloads
        self._clock = clock
        self._journal = journal
        self._path = path
        self._seen = seen
        self._adopt = adopt
        self._refused = refused
        self._clean = clean
        self._look = look
        self._threads = Threads("configuration", 1)

    async def run(self) -> None:
        """Look for as long as the agent lives."""
        latest = self._seen
        while True:
            asked = await self._is_asked_within(POLL_S)
            former, latest = latest, await self._threads.run(self._look, self._path)
            if asked or (latest != self._seen and latest == former):
                self._seen = latest
                await self._reload("SIGNAL" if asked else "CHANGE")

    async def _is_asked_within(self, patience_s: float) -> bool:
        asked = self._reloads.asked
        try:
            async with self._clock.timeout(patience_s):
                await asked.wait()
        except TimeoutError:
            return False
        asked.clear()
        return True

    async def _reload(self, reason: str) -> None:
        try:
            blueprint = await self._threads.run(self._reloads.load)
            changes = await self._adopt(blueprint)
        except AgentError as error:
            self._refuse(str(error), reason)
        except Exception as error:
            log.exception("the configuration: a defect kept it from being taken up")
            self._refuse(
                f"{self._path}: a defect of openbell's ({type(error).__name__}); the log has it", reason
            )
        else:
            for warning in blueprint.warnings:
                log.warning("the configuration: %s", warning)
            log.info("the configuration is taken up: %s", changes.words)
            self._note(TAKEN_UP, reason, changes.words)

    def _refuse(self, text: str, reason: str) -> None:
        faults = [self._clean(line) for line in text.splitlines()]
        for fault in faults:
            log.error("the configuration is not taken up: %s", fault)
        more = f" (and {len(faults) - 1} more; `openbell check` has them all)" if len(faults) > 1 else ""
        self._refused(f"{faults[0]}{more}")
        self._note(REFUSED, reason, "; ".join(faults))

    def _note(self, after: str, reason: str, message: str) -> None:
        if self._journal is None:
            return
        edge = Transition(
            at=self._clock.now(),
            subject=Subject.CONFIGURATION,
            name=self._path.name,
            group=None,
            before=None,
            after=after,
            reason=reason,
            message=plain(message),
        )
        self._journal.append(Entry((edge,)))
