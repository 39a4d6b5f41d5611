"""One machine on a stage: built as the agent builds it, run as the agent runs it, heard in all it says."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from agent.errors import PluginError
from agent.model import Machine, Report
from agent.registry import MachineKind
from agent.runtime.border import admit
from agent.testing.bench import Bench, probing, run_machine
from agent.testing.canary import words_of

EVERY = timedelta(seconds=2)

Word = tuple[str, str]
"""A state and its reason."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A machine under test and its context."""

    kind: MachineKind
    settings: BaseModel
    bench: Bench
    machine: Any
    accompany: Callable[[Any], Awaitable[None]]

    @property
    def probe_is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.machine.probe)

    @property
    def said(self) -> list[Word]:
        """The states and reasons that were reported, repetitions left out."""
        words: list[Word] = []
        for report in self.bench.reports:
            if isinstance(report, Report) and (not words or words[-1] != (report.state, report.reason)):
                words.append((report.state, report.reason))
        return words

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run and probe the machine, and have its surroundings do their part."""
        async with run_machine(self.machine, self.bench, every=EVERY), self._accompanied():
            yield

    @asynccontextmanager
    async def surrounded(self) -> AsyncIterator[None]:
        """The same without the machine's own `run`."""
        async with probing(self.machine, self.bench, every=EVERY), self._accompanied():
            yield

    @asynccontextmanager
    async def _accompanied(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.accompany(self.machine))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def faults(self) -> list[str]:
        """What the agent would refuse of what was reported, and the errors of `run`."""
        found = []
        for report in self.bench.reports:
            try:
                admit(self._identity(), report, self.bench.clock.now())
            except PluginError as error:
                found.append(str(error))
        return found

    def texts(self) -> list[str]:
        """All that the machine said, as a log or a page might show it."""
        return [*map(repr, self.bench.reports), *map(words_of, self.bench.errors)]

    def _identity(self) -> Machine:
        kind = self.kind
        return Machine(
            name=self.bench.name,
            kind=kind.kind,
            role=kind.role,
            states=kind.states,
            reasons=kind.reasons,
            actions=kind.actions,
        )


def changed_by_json(report: Report) -> str | None:
    """What JSON makes something else of, or nothing at all; `None` if all survives."""
    for name in ("attributes", "measures"):
        value = asdict(report)[name]
        try:
            back = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            return f"{name} = {value!r}: {error}"
        if back != value:
            return f"{name} = {value!r} comes back as {back!r}"
    return None
