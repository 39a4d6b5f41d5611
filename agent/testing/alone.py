"""Runs one check in a loop of its own, and sees to it that nothing of it outlives it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from agent.clock import SystemClock


def run_alone(call: Awaitable[None], *, longest_s: float) -> None:
    """Run in a loop of its own. What will not end when told to is left behind, and does not hold us up."""
    loop = asyncio.new_event_loop()
    with _swept():
        try:
            loop.run_until_complete(_bounded(call, longest_s))
        finally:
            loop.run_until_complete(_end_the_rest())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


@contextmanager
def _swept() -> Iterator[None]:
    """Sweep up at once, and unremarked, what asyncio drops: a TLS handshake that is cancelled as it begins
    leaves its socket to the collector. What the plugin itself leaves is for `Footprint` to see.
    """
    gc.freeze()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()
            gc.unfreeze()


async def _bounded(call: Awaitable[None], longest_s: float) -> None:
    task = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({task}, timeout=longest_s)
    if not done:
        raise AssertionError(f"the check has not ended within {longest_s:g} s")
    task.result()


async def _end_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=0.5)


async def ends_when_cancelled(task: asyncio.Future[Any], patience_s: float) -> bool:
    """Cancel, and see whether that ends it within the patience."""
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=patience_s)
    return bool(done)


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Callable[[], float]]:
    """Tells the longest time, in seconds, for which the event loop could not turn."""
    clock, gaps = SystemClock(), [0.0]

    async def turn() -> None:
        last = clock.monotonic()
        while True:
            await clock.sleep(0.01)
            now = clock.monotonic()
            gaps.append(now - last)
            last = now

    task: asyncio.Task[None] = asyncio.ensure_future(turn())
    try:
        yield lambda: max(gaps)
    finally:
        task.cancel()
