"""Ten thousand probes at ten seconds: how late each begins, and what they cost.

    python benchmarks/probes.py              # 10,000 probes, three rounds
    python benchmarks/probes.py --probes 1000 --rounds 2

The agent's own scheduling (one job an interval, its calls spread in slots of 50 ms) calls nothing but a
counter, and then probers, each with its task, fence and timeout, whose machines answer at once. What follows
from the answers is left out: `line.py` has it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from agent.clock import SystemClock
from agent.model import Machine, Report
from agent.runtime.probing import Prober
from agent.runtime.scheduling import SLOT, Scheduling
from agent.runtime.threads import Threads

INTERVAL = timedelta(seconds=10)
Call = Callable[[], None]
Late = Callable[[int], None]


class Well:
    """A machine that answers at once, and notes how late it was asked."""

    def __init__(self, number: int, clock: SystemClock, late: Late) -> None:
        self._asked = lambda: late(number)
        self._clock = clock

    async def probe(self) -> Report:
        self._asked()
        return Report(state="WELL", reason="WELL", observed_at=self._clock.now())


def counters(count: int, clock: SystemClock, late: Late) -> list[Call]:
    return [lambda number=number: late(number) for number in range(count)]  # type: ignore[misc]


def probers(count: int, clock: SystemClock, late: Late) -> list[Call]:
    threads = Threads("probes")
    return [
        Prober(
            Machine(name=f"m{number}", kind="well", role="r", states=("WELL",), reasons=("WELL",)),
            Well(number, clock, late),
            clock=clock,
            timeout=timedelta(seconds=5),
            threads=threads,
            deliver=lambda report: None,
        ).on_schedule
        for number in range(count)
    ]


async def measure(make: Callable[[int, SystemClock, Late], list[Call]], count: int, rounds: int) -> str:
    clock = SystemClock()
    late_ms: list[float] = []
    turn = [0] * count
    slots = int(INTERVAL / SLOT)

    def late(number: int) -> None:
        turn[number] += 1
        due = began + turn[number] * INTERVAL.total_seconds() + number * slots // count * SLOT.total_seconds()
        late_ms.append((time.monotonic() - due) * 1000)

    calls = make(count, clock, late)
    scheduling = Scheduling(clock, lambda: None)
    scheduling.start()
    began = time.monotonic()
    for call in calls:
        scheduling.every(INTERVAL, call)
    await asyncio.sleep(began + INTERVAL.total_seconds() - 0.5 - time.monotonic())
    used, at = time.process_time(), time.monotonic()
    await asyncio.sleep(INTERVAL.total_seconds() * rounds)
    share = (time.process_time() - used) / (time.monotonic() - at)
    scheduling.stop()
    await asyncio.sleep(1)  # the last slots
    late_ms.sort()
    median, tail = late_ms[len(late_ms) // 2], late_ms[len(late_ms) * 99 // 100]
    late_by = f"late: median {median:.1f} ms   p99 {tail:.1f} ms"
    return f"{len(late_ms)} calls   {late_by}   CPU {share * 100:.1f} % of a core"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--probes", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=3)
    said = asked.parse_args()
    for name, make in (("calls alone  ", counters), ("whole probes ", probers)):
        print(name, asyncio.run(measure(make, said.probes, said.rounds)), flush=True)


if __name__ == "__main__":
    main()
