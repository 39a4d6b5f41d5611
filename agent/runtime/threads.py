"""A bounded pool of daemon threads, one pool a plugin: a blocked one stops nobody else, nor the exit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_Job = Callable[[], None]


class Threads:
    """At most `size` threads, made when needed; what waits longer than its caller is dropped.

    The standard library's pool joins its threads at exit, so that one blocked probe would keep
    the agent from ending; these do not.
    """

    def __init__(self, name: str, size: int = 4) -> None:
        self._name = name
        self._size = size
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._started = 0
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many threads are in a call now."""
        return self._busy

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

        self._jobs.put(job)
        self._grow()
        return await answer

    def _grow(self) -> None:
        if self._started < self._size and self._busy + self._jobs.qsize() > self._started:
            self._started += 1
            name = f"{self._name}-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            self._busy += 1
            try:
                job()
            finally:
                self._busy -= 1


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
