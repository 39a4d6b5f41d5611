"""Keeps tasks alive: each has a name, is referenced, and is restarted with backoff when it ends."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping

from agent.clock import Clock
from agent.errors import PluginError
from agent.fence import called, fenced, in_words
from agent.runtime.quarantining import Quarantine

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CALM_S = 60.0
"""A task that has run this long starts again from the shortest pause."""

STOP_PATIENCE_S = 3.0


class Supervisor:
    """Owns the agent's long-lived tasks; one that fails never takes another with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[asyncio.Task[None], str] = {}
        self.crashes: dict[str, int] = {}

    def keep(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        failed: Callable[[BaseException], None] | None = None,
        quarantine: Quarantine | None = None,
    ) -> asyncio.Task[None]:
        """Run `run` for as long as the agent lives, or until `end`; `failed` hears of each crash.

        A `quarantine`, for a task of a plugin's, counts the crashes and lengthens the pauses.
        """
        return self._spawn(name, self._keep(name, run, failed, quarantine))

    def spawn(self, name: str, run: Awaitable[None]) -> None:
        """Run something once, referenced until it is done."""
        self._spawn(name, run)

    async def stop(self) -> None:
        """Cancel all tasks and wait for their end; one that will not end is left behind, named."""
        await self._end(dict(self._tasks))

    async def end(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """As `stop`, for some of them."""
        await self._end({task: self._tasks[task] for task in tasks if task in self._tasks})

    async def _end(self, tasks: Mapping[asyncio.Task[None], str]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=STOP_PATIENCE_S)
            for task in stubborn:
                log.warning("%s did not end when told to", tasks[task])

    def _spawn(self, name: str, run: Awaitable[None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(_fenced(name, run))
        self._tasks[task] = name
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        if inspect.iscoroutine(run):  # one that is ended before its first step was never awaited
            task.add_done_callback(lambda _: run.close())
        return task

    async def _keep(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        failed: Callable[[BaseException], None] | None,
        quarantine: Quarantine | None,
    ) -> None:
        pause = FIRST_PAUSE_S
        while True:
            began = self._clock.monotonic()
            crash = await self._run(run, quarantine)
            if self._clock.monotonic() - began > CALM_S:
                pause = FIRST_PAUSE_S
            if crash is not None:
                self.crashes[name] = self.crashes.get(name, 0) + 1
                trace = None if isinstance(crash, PluginError) else crash
                log.error("%s failed and starts again: %s", name, in_words(crash), exc_info=trace)
                if failed is not None:
                    failed(crash)
            await self._rest(random.uniform(pause / 2, pause), quarantine)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _run(
        self, run: Callable[[], Awaitable[None]], quarantine: Quarantine | None
    ) -> Exception | None:
        if quarantine is None:
            return await _outcome(run)
        calm = self._clock.call_later(CALM_S, quarantine.succeeded)
        try:
            crash = await _outcome(run)
        finally:
            calm.cancel()
        if crash is not None:
            quarantine.failed(in_words(crash))
        return crash

    async def _rest(self, pause_s: float, quarantine: Quarantine | None) -> None:
        if quarantine is None:
            await self._clock.sleep(pause_s)
        else:
            await quarantine.rest(pause_s)


async def _outcome(run: Callable[[], Awaitable[None]]) -> Exception | None:
    """Run to the end; what it raised, if it did. A cancel of ours passes through."""
    try:
        await fenced(called(run))
    except Exception as error:  # noqa: BLE001 - the fence around what may be a plugin's
        return error
    return None


async def _fenced(name: str, run: Awaitable[None]) -> None:
    try:
        await fenced(run)
    except Exception:
        log.exception("%s failed", name)
