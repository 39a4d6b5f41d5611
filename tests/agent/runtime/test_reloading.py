"""When the files of the configuration are read anew, by a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.config.changes import Changes
from agent.errors import ConfigError
from agent.runtime.reloading import POLL_S, Reloading, Reloads
from agent.testing import ManualClock, settle


class Bench:
    """Files that say what the test wants, and what was made of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.text = "old"
        self.error: Exception | None = None
        self.loaded: list[str] = []
        self.refused: list[str] = []
        self.edges: list[Any] = []
        self._looked: asyncio.Queue[None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.reloads = Reloads(self.load)  # type: ignore[arg-type]
        self.reloading = Reloading(
            self.reloads,
            clock=self.clock,
            journal=self,  # type: ignore[arg-type]
            path=Path("agent.toml"),
            seen="old",
            adopt=self.adopt,
            refused=self.refused.append,
            clean=lambda text: text.replace("secret", "***"),
            look=self.look,
        )
        self.task = asyncio.ensure_future(self.reloading.run())

    def look(self, path: Path) -> str:
        text = self.text
        self._loop.call_soon_threadsafe(self._looked.put_nowait, None)
        return text

    def load(self) -> Any:
        self.loaded.append(self.text)
        if self.error is not None:
            raise self.error
        return type("Blueprint", (), {"warnings": ()})()

    async def adopt(self, blueprint: object) -> Changes:
        return Changes(tables=("rule",))

    def append(self, entry: Any) -> None:
        self.edges += [(edge.after, edge.reason, edge.message) for edge in entry.transitions]

    async def poll(self, *texts: str) -> None:
        """Let it look once at each text; a look begins when all that came of the last one is done."""
        for self.text in texts:
            async with asyncio.timeout(10):
                while self._looked.empty():
                    await asyncio.sleep(0)
                    await self.clock.advance(POLL_S / 10)
            self._looked.get_nowait()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0)


@pytest.fixture
async def bench():
    made = Bench()
    await settle()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_what_has_not_changed_is_not_read(bench: Bench) -> None:
    await bench.poll("old", "old", "old")
    assert bench.loaded == []


async def test_a_change_counts_once_the_files_have_said_the_same_twice(bench: Bench) -> None:
    await bench.poll("half", "more", "whole")
    assert bench.loaded == []
    await bench.poll("whole")
    await bench.until(lambda: bench.edges != [])
    await bench.poll("whole", "whole")
    assert bench.loaded == ["whole"]
    assert bench.edges == [("TAKEN_UP", "CHANGE", "rule changed")]


async def test_a_bad_file_is_read_once_and_told_without_its_secrets(bench: Bench) -> None:
    bench.error = ConfigError("agent.toml:3: a secret; write it\nagent.toml:9: b; mend it")
    await bench.poll("bad", "bad")
    await bench.until(lambda: bench.edges != [])
    await bench.poll("bad", "bad")
    assert bench.loaded == ["bad"]
    assert bench.refused == ["agent.toml:3: a ***; write it (and 1 more; `openbell check` has them all)"]
    assert bench.edges == [("REFUSED", "CHANGE", "agent.toml:3: a ***; write it; agent.toml:9: b; mend it")]


async def test_going_back_to_the_former_text_is_a_change_as_well(bench: Bench) -> None:
    bench.error = ConfigError("agent.toml:3: a; b")
    await bench.poll("bad", "bad")
    await bench.until(lambda: bench.edges != [])
    bench.error = None
    await bench.poll("old", "old")
    await bench.until(lambda: len(bench.edges) == 2)
    assert bench.loaded == ["bad", "old"]


async def test_whoever_asks_has_it_read_at_once_changed_or_not(bench: Bench) -> None:
    bench.reloads.asked.set()
    await bench.until(lambda: bench.edges != [])
    assert bench.edges == [("TAKEN_UP", "SIGNAL", "rule changed")]
    bench.reloads.asked.set()
    await bench.until(lambda: len(bench.edges) == 2)
    assert bench.loaded == ["old", "old"]


async def test_a_defect_of_ours_leaves_the_former_one_in_force_and_is_told(bench: Bench) -> None:
    bench.error = RuntimeError("oops")
    bench.reloads.asked.set()
    await bench.until(lambda: bench.refused != [])
    assert bench.refused == ["agent.toml: a defect of openbell's (RuntimeError); the log has it"]
    bench.error = None
    bench.reloads.asked.set()
    await bench.until(lambda: len(bench.edges) == 2)
    assert bench.edges[-1][0] == "TAKEN_UP"
