"""A bounded pool of daemon threads, one pool a plugin: a blocked one stops nobody else, nor the exit."""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_Job = Callable[[], None]


class _Crew:
    """The threads themselves, which do not keep their pool alive."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.size = 0
        self.busy = 0

    def grow(self) -> None:
        self.size += 1
        threading.Thread(target=self._work, name=f"{self.name}-{self.size}", daemon=True).start()

    def dismiss(self) -> None:
        """Each ends after what it does now."""
        for _ in range(self.size):
            self.jobs.put(None)

    def _work(self) -> None:
        while True:
            job = self.jobs.get()
            if job is None:
                return
            self.busy += 1
            try:
                job()
            finally:
                self.busy -= 1
                del job  # or what was called would live for as long as nothing else is


class Threads:
    """At most `size` threads, made when needed; what waits longer than its caller is dropped.

    The standard library's pool joins its threads at exit, so that one blocked probe would keep
    the agent from ending; these do not. They end once nobody has the pool any more.
    """

    def __init__(self, name: str, size: int = 4) -> None:
        self._size = size
        self._crew = _Crew(name)
        weakref.finalize(self, self._crew.dismiss).atexit = False

    @property
    def busy(self) -> int:
        """How many threads are in a call now."""
        return self._crew.busy

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking call in the pool; cancelling the caller leaves the call to end by itself."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()

        def job() -> None:
            if answer.cancelled():
                return
            try:
                result = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                _tell(loop, answer, None, error)
            else:
                _tell(loop, answer, result, None)

        crew = self._crew
        crew.jobs.put(job)
        if crew.size < self._size and crew.busy + crew.jobs.qsize() > crew.size:
            crew.grow()
        return await answer


def _tell(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[R],
    result: R | None,
    error: BaseException | None,
) -> None:
    def settle() -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type]
        elif isinstance(error, StopIteration | KeyboardInterrupt | SystemExit):
            answer.set_exception(RuntimeError(f"the call raised {type(error).__name__}"))
        else:
            answer.set_exception(error)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
