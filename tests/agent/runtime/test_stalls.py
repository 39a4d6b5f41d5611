"""Who holds up the event loop, found from the stack."""

from __future__ import annotations

import asyncio
import time
from types import ModuleType

from agent.clock import SystemClock
from agent.runtime.stalls import Stall, StallWatch, culprit

SOURCE = """
import time
def hold(seconds):
    time.sleep(seconds)
def frame():
    return __import__("sys")._getframe()
"""


def stranger(name: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(SOURCE, f"{name}.py", "exec"), module.__dict__)
    return module


def test_the_innermost_code_of_a_plugin_is_the_culprit() -> None:
    frame = stranger("acme_feed.deep").frame()
    assert culprit(frame, {"feed": "plugins.feed", "acme": "acme_feed"}) == (
        "acme", "acme_feed.deep:6 in frame"
    )  # fmt: skip


def test_a_package_whose_name_only_begins_alike_is_not_taken_for_it() -> None:
    found, where = culprit(stranger("acme_feeds").frame(), {"acme": "acme_feed"})
    assert (found, where) == (None, "acme_feeds:6 in frame")


def test_a_loop_without_a_frame_is_nobodys() -> None:
    assert culprit(None, {}) == (None, "an unknown place")


async def test_a_stall_is_logged_once_while_it_lasts_and_told_when_it_is_over(caplog) -> None:
    over: asyncio.Queue[Stall] = asyncio.Queue()
    watch = StallWatch(SystemClock(), {"acme": "acme_feed"}, over.put_nowait)
    watch.start()
    await asyncio.sleep(0)
    try:
        stranger("acme_feed").hold(1.8)
        assert "the plugin acme holds up the event loop at acme_feed:4 in hold" in caplog.text
        async with asyncio.timeout(10):
            stall = await over.get()
    finally:
        watch.stop()
    assert stall.plugin == "acme"
    assert stall.lasted_s >= 1.8
    assert over.empty()
    assert len(caplog.records) == 2


async def test_a_process_that_slept_as_a_whole_has_not_been_held_up() -> None:
    class Leaping(SystemClock):
        """Leaps ahead for everybody at once, as after a suspend."""

        leapt = 0.0

        def monotonic(self) -> float:
            return time.monotonic() + self.leapt

    clock, over = Leaping(), []
    watch = StallWatch(clock, {}, over.append)
    watch.start()
    clock.leapt = 600.0
    try:
        async with asyncio.timeout(10):
            began = time.monotonic()
            while time.monotonic() - began < 0.8:
                await asyncio.sleep(0.01)
    finally:
        watch.stop()
    assert over == []
