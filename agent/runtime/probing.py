"""Probes one machine: on schedule and on wish, with a timeout, never twice at once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from agent.clock import Clock
from agent.errors import PluginError
from agent.fence import fenced, in_words
from agent.model import CoreReason, Machine, Report
from agent.ownership import as_owner, ours
from agent.runtime.border import admit, unknown
from agent.runtime.quarantining import Quarantine
from agent.runtime.threads import Threads

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """How the probes of one machine went."""

    runs: int = 0
    merged: int = 0
    failed: int = 0
    held: int = 0
    """Those that were not begun because the machine is set aside, or its process is away."""


class Prober:
    """Brings one machine's answers to the core, and stands in for it when it gives none."""

    def __init__(
        self,
        machine: Machine,
        subject: object,
        *,
        clock: Clock,
        timeout: timedelta,
        threads: Threads,
        deliver: Callable[[Report], None],
        quarantine: Quarantine | None = None,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_away = is_away
        self.quarantine = quarantine or Quarantine(None, f"{machine.name}: probes", clock)
        self._machine = machine
        self._probe: Callable[[], Any] = subject.probe  # type: ignore[attr-defined]
        self._blocking = not inspect.iscoroutinefunction(self._probe)
        self._clock = clock
        self._timeout_s = timeout.total_seconds()
        self._threads = threads
        self._deliver = deliver
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._is_ended = False
        self._left_running: asyncio.Future[object] | None = None
        self._was_failing = False
        self._blame: str | None = None
        self.counts = Counts()

    def allow(self, timeout: timedelta) -> None:
        """Give the next probes this long."""
        self._timeout_s = timeout.total_seconds()

    def on_schedule(self) -> None:
        """Probe, unless a probe is under way; that one counts for this turn."""
        if self._task is not None:
            self.counts.merged += 1
            return
        self._start_unless_held()

    def wish(self) -> None:
        """Probe now; where one is under way, once more after it, as its answer may be older."""
        if self._task is not None:
            self._again = True
            return
        self._start_unless_held()

    def release(self) -> None:
        """A person wants it tried again, whatever is held against it."""
        self.quarantine.release()
        self.wish()

    @property
    def is_under_way(self) -> bool:
        """Whether a probe runs, or one that was given up still does."""
        return self._task is not None or not (self._left_running is None or self._left_running.done())

    def blame(self, why: str) -> None:
        """The probe under way has done harm to others: whatever it answers, it has failed."""
        if self._task is not None:
            self._blame = why

    async def stop(self) -> None:
        """Cancel what is under way and wait for its end, briefly; it probes no more."""
        self._is_ended = True
        pending = [task for task in (self._task, self._left_running) if task is not None]
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=1)

    def _start_unless_held(self) -> None:
        if self._is_ended:
            return
        if self.quarantine.holds or self._is_away():
            self.counts.held += 1
            return
        with ours():
            run = self._run()
            self._task = asyncio.get_running_loop().create_task(run, name=f"probe {self._machine.name}")

    async def _run(self) -> None:
        try:
            self._deliver(await self._answer())
        finally:
            self._task = None
            if self._again:
                self._again = False
                self._start_unless_held()

    async def _answer(self) -> Report:
        """The machine's report, or what the core says in its place."""
        self.counts.runs += 1
        asked_at = self._clock.now()
        if self._left_running is not None and not self._left_running.done():
            return self._fail(CoreReason.PROBE_TIMEOUT, "The former probe has not ended yet")
        self._left_running = None
        call = as_owner(self._machine.name, fenced(self._called()))
        try:
            async with self._clock.timeout(self._timeout_s):
                raw = await asyncio.shield(call)
            report = admit(self._machine, raw, self._clock.now())
        except asyncio.CancelledError:
            call.cancel()
            raise
        except TimeoutError:
            if call.done():
                return self._fail(CoreReason.PROBE_FAILED, "The probe gave up: TimeoutError")
            self._leave(call)
            return self._fail(
                CoreReason.PROBE_TIMEOUT, f"The probe gave no answer within {self._timeout_s:g} s"
            )
        except PluginError as error:
            return self._fail(CoreReason.PLUGIN_ERROR, f"The plugin's report cannot be used: {error}")
        except Exception as error:  # noqa: BLE001 - the fence around a plugin's probe
            return self._fail(CoreReason.PROBE_FAILED, f"The probe raised {in_words(error)}")
        self._went_well(asked_at)
        return report

    def _went_well(self, asked_at: datetime) -> None:
        blame, self._blame = self._blame, None
        if blame is not None:
            self.quarantine.failed(blame)
            return
        self.quarantine.succeeded()
        if self._was_failing:
            self._was_failing = False
            log.info("%s: probes answer again after %s", self._machine.name, self._clock.now() - asked_at)

    def _leave(self, call: asyncio.Future[object]) -> None:
        """Have no more to do with a call that took too long; the next probe waits for its end."""
        call.add_done_callback(lambda done: done.cancelled() or done.exception())
        if not self._blocking:
            call.cancel()
        self._left_running = call

    def _called(self) -> Awaitable[object]:
        return self._threads.run(self._probe) if self._blocking else self._probe()

    def _fail(self, reason: CoreReason, message: str) -> Report:
        self.counts.failed += 1
        self._blame = None
        if not self._was_failing:
            self._was_failing = True
            log.warning("%s: %s (%s)", self._machine.name, message, reason)
        self.quarantine.failed(message)
        return stand_in(self.quarantine, reason, message, self._clock.now())


def stand_in(quarantine: Quarantine, reason: CoreReason, message: str, now: datetime) -> Report:
    """What the core says of a machine whose part has failed."""
    if not quarantine.is_quarantined:
        return unknown(reason, message, now)
    report = unknown(CoreReason.QUARANTINED, f"It is {quarantine.describe()}", now)
    return replace(report, next_change_at=quarantine.tried_again_at)
