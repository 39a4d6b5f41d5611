"""What a plugin holds at an instant, tasks, threads and sockets, so that what it leaves behind is seen."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.testing.bench import POOL

_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Tasks and threads by identity, sockets by their numbers in the kernel."""

    tasks: frozenset[asyncio.Task[object]]
    threads: frozenset[threading.Thread]
    sockets: frozenset[str]

    @classmethod
    def now(cls) -> Footprint:
        threads = (one for one in threading.enumerate() if not one.name.startswith(f"{POOL}-"))
        return cls(frozenset(asyncio.all_tasks()), frozenset(threads), frozenset(_sockets()))

    @classmethod
    def left(cls, before: Footprint) -> list[str]:
        """What is here now and was not before; what is merely not collected yet does not count."""
        left = cls.now().left_since(before)
        if left:
            gc.collect()
            left = cls.now().left_since(before)
        return left

    def left_since(self, before: Footprint) -> list[str]:
        """What is here and was not before, in words."""
        tasks = [f"the task {task.get_name()!r}" for task in self.tasks - before.tasks]
        threads = [f"the thread {thread.name!r}" for thread in self.threads - before.threads]
        sockets = len(self.sockets - before.sockets)
        return [*tasks, *threads, *([f"{sockets} open sockets"] if sockets else [])]


def _sockets() -> Iterator[str]:
    """Each open socket of this process; none where the system has no list of them."""
    if not _DESCRIPTORS.is_dir():
        return
    for descriptor in _DESCRIPTORS.iterdir():
        try:
            target = os.readlink(descriptor)  # noqa: PTH115 - a Path would make a path of "socket:[1]"
        except OSError:
            continue
        if target.startswith("socket:"):
            yield target
