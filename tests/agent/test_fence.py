"""Whatever a plugin raises is an ordinary error to the agent."""

from __future__ import annotations

import asyncio

import pytest

from agent.fence import EscapeError, called, fenced, in_words
from agent.ownership import Ownership, as_owner, bounded, ours, owned
from agent.testing import ManualClock, settle


class Silent(BaseException):
    def __str__(self) -> str:
        raise ValueError("no words")


OUTLAWS = [
    pytest.param(SystemExit(3), "SystemExit: 3", id="sys.exit"),
    pytest.param(KeyboardInterrupt(), "KeyboardInterrupt", id="an interrupt"),
    pytest.param(GeneratorExit(), "GeneratorExit", id="a generator's exit"),
    pytest.param(Silent(), "Silent: it cannot be shown", id="an error without words"),
]


@pytest.mark.parametrize(("error", "words"), OUTLAWS)
async def test_what_would_cost_more_than_its_plugin_becomes_an_error(error, words) -> None:
    async def leave() -> None:
        raise error

    def leave_at_once() -> None:
        raise error

    with pytest.raises(EscapeError, match=words):
        await fenced(leave())
    with pytest.raises(EscapeError, match=words):
        called(leave_at_once)


async def test_only_a_cancel_that_was_asked_for_passes_as_one() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(EscapeError, match="nobody had cancelled it"):
        await fenced(give_up())
    waiting = asyncio.ensure_future(fenced(asyncio.Event().wait()))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_an_error_of_many_lines_is_told_in_one() -> None:
    assert in_words(ValueError("a\nb")) == "ValueError: a b"
    assert in_words(ValueError()) == "ValueError"


async def test_a_call_that_ignores_its_cancel_is_left_behind_at_its_timeout() -> None:
    clock, release = ManualClock(), asyncio.Event()

    async def stay() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    call = asyncio.ensure_future(bounded("m", stay(), clock=clock, timeout_s=5))
    await settle()
    await clock.advance(5)
    with pytest.raises(TimeoutError):
        await call
    release.set()
    await settle()


@pytest.fixture
async def ownership():
    found = Ownership(limit=10)
    found.watch(asyncio.get_running_loop())
    yield found
    await found.end()


async def test_tasks_are_known_by_whose_code_started_them(ownership) -> None:
    async def start_some() -> list[asyncio.Task[object]]:
        loop = asyncio.get_running_loop()
        with ours():
            mine = loop.create_task(asyncio.sleep(3600))
        started = [loop.create_task(asyncio.sleep(3600)) for _ in range(2)]
        loop.call_soon(lambda: loop.create_task(asyncio.sleep(3600)))
        return [mine, *started]

    mine, *_ = await as_owner("feed", start_some())
    await settle()
    assert ownership.counts == {"feed": 3}
    assert await ownership.end() == {}
    assert not mine.cancelled()
    mine.cancel()


async def test_an_exit_in_a_task_that_a_machine_has_started_is_an_error_of_the_task(ownership) -> None:
    async def leave() -> None:
        raise SystemExit(1)

    task = owned("feed", lambda: asyncio.get_running_loop().create_task(leave()))
    with pytest.raises(EscapeError, match="SystemExit: 1"):
        await task


async def test_a_task_that_is_cancelled_before_it_began_leaves_no_warning(ownership) -> None:
    async def never() -> None:
        raise AssertionError

    task = owned("feed", lambda: asyncio.get_running_loop().create_task(never()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_there_is_an_end_to_how_many_tasks_a_machine_may_leave(ownership) -> None:
    def leak() -> None:
        for _ in range(11):
            asyncio.get_running_loop().create_task(asyncio.sleep(3600))

    with pytest.raises(RuntimeError, match="10 tasks running"):
        owned("feed", leak)
    assert ownership.counts["feed"] == 10
