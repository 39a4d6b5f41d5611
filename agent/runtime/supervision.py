"""Keeps tasks alive: each has a name, is referenced, and is restarted with backoff when it ends."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping

from agent.clock import Clock

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
    ) -> asyncio.Task[None]:
        """Run `run` for as long as the agent lives, or until `end`; `failed` hears of each crash."""
        return self._spawn(name, self._keep(name, run, failed))

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
    ) -> None:
        pause = FIRST_PAUSE_S
        while True:
            began = self._clock.monotonic()
            crash = await _outcome(run)
            if self._clock.monotonic() - began > CALM_S:
                pause = FIRST_PAUSE_S
            if crash is not None:
                self.crashes[name] = self.crashes.get(name, 0) + 1
                log.error("%s failed and starts again: %s", name, crash, exc_info=crash)
                if failed is not None:
                    failed(crash)
            await self._clock.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, LONGEST_PAUSE_S)


async def _outcome(run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Run to the end; what it raised, if it did. A cancel of ours passes through."""
    try:
        await run()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - the fence: a plugin may even call sys.exit
        return error
    return None


async def _fenced(name: str, run: Awaitable[None]) -> None:
    try:
        await run
    except asyncio.CancelledError:
        raise
    except BaseException:
        log.exception("%s failed", name)
