"""Knows which machine's code has started a task, so that it can be counted, contained and ended."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from agent.clock import Clock
from agent.fence import Contained, fenced

R = TypeVar("R")

_owner: contextvars.ContextVar[str | None] = contextvars.ContextVar("openbell_owner", default=None)
"""Whose code runs. Tasks and timers inherit it from what makes them, without asking."""

STOP_PATIENCE_S = 1.0

LIMIT = 1_000
"""So many tasks may one machine have running."""


@contextmanager
def ours() -> Iterator[None]:
    """What is started within is the agent's own, though a machine's call may have led here."""
    token = _owner.set(None)
    try:
        yield
    finally:
        _owner.reset(token)


def owned(owner: str, call: Callable[[], R]) -> R:
    """Call into a machine's code as its owner."""
    context = contextvars.copy_context()
    context.run(_owner.set, owner)
    return context.run(call)


def as_owner(owner: str, call: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
    """Await a call into a machine's code, in a task of the agent's whose own tasks are the machine's."""
    context = contextvars.copy_context()
    context.run(_owner.set, owner)
    with ours():
        return asyncio.get_running_loop().create_task(call, context=context)


async def bounded(owner: str, call: Coroutine[Any, Any, R], *, clock: Clock, timeout_s: float) -> R:
    """Await a call into a plugin, fenced, in a task of its own: one that ignores its cancel is left behind.

    Raises `TimeoutError` at the end of its time.
    """
    task = as_owner(owner, fenced(call))
    try:
        async with clock.timeout(timeout_s):
            return await asyncio.shield(task)
    finally:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.cancel()


class Ownership:
    """The tasks that machines have started by themselves, by machine, referenced until they are done."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.counts: Counter[str] = Counter()
        """How many tasks of its own each machine has running."""

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, know the owner of every task of this loop."""
        self._loop = loop
        loop.set_task_factory(self._make)  # type: ignore[arg-type]

    async def end(self) -> dict[str, int]:
        """End what is left; returns how many would not, by machine."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=STOP_PATIENCE_S)
        if self._loop is not None:
            self._loop.set_task_factory(None)
        return dict(+self.counts)

    def _make(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, R], **more: Any
    ) -> asyncio.Task[R]:
        owner = _owner.get()
        if owner is None:
            return asyncio.Task(coro, loop=loop, **more)
        if self.counts[owner] >= self._limit:
            coro.close()
            raise RuntimeError(f"{owner} has {self._limit} tasks running; await some of them, or end them")
        task: asyncio.Task[R] = asyncio.Task(Contained(coro), loop=loop, **more)
        self._tasks[task] = owner
        self.counts[owner] += 1
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        owner = self._tasks.pop(task, None)
        if owner is not None:
            self.counts[owner] -= 1
