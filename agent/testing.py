"""The public test kit: a clock that the test moves, and a bench to run one machine on."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from agent.abilities import CredentialState, KeyValue, NotifierContext, Secret, Surroundings, Verdict
from agent.clock import Clock, Timer
from agent.errors import ConfigError
from agent.model import Expectation, Notice, Receipt, Report
from agent.watched import Watched

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")


class _ManualTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self._call = None

    def fire(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = timedelta(0)
        self._timers: list[tuple[timedelta, int, _ManualTimer]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = _ManualTimer(call)
        due = self._elapsed + timedelta(seconds=max(0.0, seconds))
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            if seconds is None:
                yield
                return
            timer = self.call_later(seconds, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()

    async def advance(self, duration: timedelta | float) -> None:
        """Move on by `duration` (a number is seconds), waking what falls due, in order.

        Between two wakings every task runs until it waits again.
        """
        step = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        end = self._elapsed + step
        await settle()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            timer.fire()
            await settle()
        self._elapsed = end
        await settle()

    def step_wall(self, step: timedelta) -> None:
        """Set the wall clock forward or back, as an operator does; `monotonic` does not move."""
        self._start += step


async def settle(turns: int = 20) -> None:
    """Let the other tasks run until they wait."""
    for _ in range(turns):
        await asyncio.sleep(0)


class MemoryStore:
    """A `KeyValue` that forgets at the end."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def put(self, key: str, value: str) -> None:
        self.values[key] = value


class MemoryCredential:
    """A `Credential` without a file: the test writes it, and reads the verdicts."""

    def __init__(self, name: str, clock: Clock, value: str | None = None) -> None:
        self.name = name
        self._clock = clock
        self.state: Watched[CredentialState] = Watched(CredentialState())
        if value is not None:
            self.put(value)

    def put(self, value: str | None) -> None:
        """As if another process had written the source; `None` takes the value away."""
        if value is None:
            self.state.set(CredentialState())
            return
        generation = hashlib.sha256(value.encode()).hexdigest()[:12]
        present = self.state.value.secret
        if present is None or present.generation != generation:
            self.state.set(CredentialState(Secret(value, generation, self._clock.now())))

    async def write(self, value: str) -> Secret:
        self.put(value)
        secret = self.state.value.secret
        assert secret is not None
        return secret

    def accept(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.ACCEPTED, by)

    def refuse(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.REFUSED, by)

    def doubt(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.DOUBTED, by)

    def _judge(self, generation: str, verdict: Verdict, by: str) -> None:
        secret = self.state.value.secret
        if secret is not None and secret.generation == generation:
            self.state.set(CredentialState(secret, verdict, self._clock.now(), by))


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
        self.credentials: dict[str, MemoryCredential] = {}
        self._session = session
        self._reported = asyncio.Event()

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

    async def in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await _in_thread(call, *args, **kwargs)

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


class RecordingNotifier:
    """A notifier that keeps what it is told; set `error` to have it fail."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.error: Exception | None = None

    async def send(self, notice: Notice) -> Receipt:
        if self.error is not None:
            raise self.error
        self.notices.append(notice)
        return Receipt(status="recorded", id=str(len(self.notices)))


@asynccontextmanager
async def running(machine: object) -> AsyncIterator[asyncio.Task[None]]:
    """Run a machine's `run` for as long as the block lasts, then cancel it and wait for its end."""
    task: asyncio.Task[None] = asyncio.ensure_future(machine.run())  # type: ignore[attr-defined]
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def notifier_context(
    name: str,
    session: Callable[[], aiohttp.ClientSession],
    clock: ManualClock | None = None,
    store: KeyValue | None = None,
) -> NotifierContext:
    """What a notifier under test is handed; give two of them one `store` to see a restart."""
    surroundings = Surroundings("test", Path(), "http://127.0.0.1:8000")
    return NotifierContext(
        name,
        clock or ManualClock(),
        logging.getLogger(f"test.{name}"),
        surroundings,
        session,
        store if store is not None else MemoryStore(),
        _in_thread,
    )


async def _in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.to_thread(call, *args, **kwargs)
