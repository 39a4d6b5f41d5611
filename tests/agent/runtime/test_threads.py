"""The bounded pool of daemon threads."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from agent.runtime.threads import Threads


async def test_a_call_gives_its_result_or_its_error() -> None:
    threads = Threads("t", 2)
    assert await threads.run(lambda a, b: a + b, 1, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)


async def test_an_exit_in_a_thread_is_an_error_of_the_call() -> None:
    def leave() -> None:
        raise SystemExit(1)

    with pytest.raises(RuntimeError, match="SystemExit"):
        await Threads("t").run(leave)


async def test_no_more_threads_than_allowed_run_at_once() -> None:
    threads, release, peak = Threads("t", 3), threading.Event(), 0
    running: set[int] = set()

    def call() -> None:
        nonlocal peak
        running.add(threading.get_ident())
        peak = max(peak, threads.busy)
        release.wait(10)

    calls = [asyncio.create_task(threads.run(call)) for _ in range(10)]
    while threads.busy < 3:
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*calls)
    assert (len(running), peak) == (3, 3)


async def test_a_blocked_pool_holds_up_nobody_elses() -> None:
    blocked, free, release = Threads("a", 1), Threads("b", 1), threading.Event()
    stuck = asyncio.create_task(blocked.run(release.wait, 10))
    assert await free.run(lambda: "free") == "free"
    release.set()
    await stuck


async def test_a_call_whose_caller_left_before_it_began_is_dropped() -> None:
    threads, release, called = Threads("t", 1), threading.Event(), []
    first = asyncio.create_task(threads.run(release.wait, 10))
    while not threads.busy:
        await asyncio.sleep(0)
    second = asyncio.create_task(threads.run(called.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    release.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert await threads.run(lambda: "next") == "next"
    assert called == []


async def test_the_threads_of_a_pool_that_nobody_has_any_more_end() -> None:
    def left() -> list[str]:
        return [one.name for one in threading.enumerate() if one.name.startswith("forgotten-")]

    class Owner:
        def __init__(self) -> None:
            self.threads = Threads("forgotten", 2)

        def call(self) -> None:
            """What is called last holds its owner."""

    owner = Owner()
    await asyncio.gather(*(owner.threads.run(owner.call) for _ in range(4)))
    assert left()
    del owner
    gc.collect()
    async with asyncio.timeout(10):
        while left():
            await asyncio.sleep(0.01)
