"""A bench to run one machine on: the context that it is handed, and the agent's part around it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from agent.abilities import Running, Surroundings
from agent.clock import Clock
from agent.errors import ConfigError
from agent.model import CoreReason, Expectation, Report
from agent.runtime.border import unknown
from agent.runtime.threads import Threads
from agent.testing.clocks import ManualClock
from agent.testing.memory import MemoryCredential, MemoryStore
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")

POOL = "bench"
"""The name of the threads that a bench lends; they are no leak of the machine's."""


class Bench:
    """A `Context` to run one machine on: it records the reports and holds real values.

    `clock` is the test's; HTTP is real, through `session` where the test gives one.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        name: str = "machine",
        group: str | None = None,
        simulator: str | None = None,
        session: aiohttp.ClientSession | None = None,
        data_folder: Path = Path(),
    ) -> None:
        self.name = name
        self.group = group
        self.clock: Clock = clock or ManualClock()
        self.log = logging.getLogger(f"test.{name}")
        self.surroundings = Surroundings("test", data_folder, "http://127.0.0.1:8000", simulator)
        self.expectation: Watched[Expectation] = Watched(Expectation.DATA)
        self.store = MemoryStore()
        self.reports: list[Report] = []
        self.probes_wished = 0
        self.spawned: set[asyncio.Task[None]] = set()
        self.credentials: dict[str, MemoryCredential] = {}
        self.errors: list[BaseException] = []
        self._session = session
        self._threads = Threads(POOL)
        self._reported = asyncio.Event()
        self._wished = asyncio.Event()

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._session is not None, "give the bench a session"
        return self._session

    def credential(self, name: str) -> MemoryCredential:
        if name not in self.credentials:
            raise ConfigError(f"no credential named {name!r}")
        return self.credentials[name]

    def add_credential(self, name: str, value: str | None = None) -> MemoryCredential:
        self.credentials[name] = MemoryCredential(name, self.clock, value)
        return self.credentials[name]

    def report(self, report: Report) -> None:
        self.reports.append(report)
        self._reported.set()

    def probe_soon(self) -> None:
        self.probes_wished += 1
        self._wished.set()

    def spawn(self, call: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[None]:
        async def run() -> None:
            await call

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self.spawned.add(task)
        task.add_done_callback(self.spawned.discard)
        return task

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._threads.run(call, *args, **kwargs)

    def note(self, error: BaseException | None) -> None:
        """Keep what the machine raised; `None` is an end of its own accord."""
        self.errors.append(error or RuntimeError("run() returned, and should last as long as the machine"))

    async def until_wished(self, longest: timedelta) -> None:
        """Wait until the machine wishes for a probe, and no longer than this."""
        try:
            async with self.clock.timeout(longest.total_seconds()):
                await self._wished.wait()
        except TimeoutError:
            return
        finally:
            self._wished.clear()

    async def until(self, holds: Callable[[Report], bool], timeout_s: float = 10) -> Report:
        """Wait (in real time, at most `timeout_s`) for a report that `holds`.

        The latest one counts, and each that comes in from now on.
        """
        looked_at = max(0, len(self.reports) - 1)
        async with asyncio.timeout(timeout_s):
            while True:
                for report in self.reports[looked_at:]:
                    if holds(report):
                        return report
                looked_at = len(self.reports)
                self._reported.clear()
                await self._reported.wait()


@asynccontextmanager
async def running(machine: object) -> AsyncIterator[asyncio.Task[None]]:
    """Run a machine's `run` for as long as the block lasts, then cancel it and wait for its end."""
    task: asyncio.Task[None] = asyncio.ensure_future(machine.run())  # type: ignore[attr-defined]
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def run_machine(
    machine: object, bench: Bench, *, every: timedelta = timedelta(seconds=1)
) -> AsyncIterator[None]:
    """Do with a machine what the agent does, for as long as the block lasts.

    Its `run`, if it has one, runs; it is probed at once, every `every`, and when it wishes. All that
    it says is in `bench.reports`, and what it raises in `bench.errors`.
    """
    async with AsyncExitStack() as stack:
        if isinstance(machine, Running):
            task = await stack.enter_async_context(running(machine))
            task.add_done_callback(lambda done: None if done.cancelled() else bench.note(done.exception()))
        await stack.enter_async_context(probing(machine, bench, every=every))
        yield


@asynccontextmanager
async def probing(machine: object, bench: Bench, *, every: timedelta) -> AsyncIterator[None]:
    """Probe a machine at once, every `every`, and when it wishes, for as long as the block lasts."""
    task = asyncio.ensure_future(_keep_probing(machine, bench, every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def probe_once(machine: object, bench: Bench) -> Report:
    """Probe as the agent does: a plain `def` in a thread."""
    probe = machine.probe  # type: ignore[attr-defined]
    if inspect.iscoroutinefunction(probe):
        return cast("Report", await probe())
    return cast("Report", await bench.in_thread(probe))


async def _keep_probing(machine: object, bench: Bench, every: timedelta) -> None:
    while True:
        try:
            report = await probe_once(machine, bench)
        except Exception as error:  # noqa: BLE001 - the fence around a plugin's probe
            bench.note(error)
            text = f"The probe raised {type(error).__name__}: {error}"
            report = unknown(CoreReason.PROBE_FAILED, text, bench.clock.now())
        bench.report(report)
        await bench.until_wished(every)
