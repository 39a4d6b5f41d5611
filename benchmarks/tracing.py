"""What traces cost on the line: the same reports down a plain line and a traced one, in turns."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from line import NOW, desk
from opentelemetry.sdk.trace import SpanProcessor

from agent.alerts.routes import Route
from agent.health.document import AgentPart
from agent.model import Report
from agent.runtime.core import Consequences, Core
from agent.runtime.line import Line
from agent.runtime.otlp import parts_by
from agent.runtime.parts import Parts
from agent.store.journal import Journal
from agent.testing import ManualClock

ROUNDS = 2_000


def build(folder: Path, parts: Parts, clock: ManualClock) -> tuple[Line, Journal]:
    """A line over three machines, all well."""
    journal = Journal(folder / "journal.sqlite")
    journal.open()
    journal.start()
    ruleset = desk(3)
    core = Core(
        ruleset,
        clock=clock,
        journal=journal,
        publisher=parts.publisher(),
        believed_for={machine.name: timedelta(days=1) for machine in ruleset.machines},
        routes=(Route(to=frozenset({"desk"})),),
        consequences=Consequences(
            ask=lambda name: None,
            wake_at=lambda instant: None,
            statuses_changed=lambda statuses: None,
            address=lambda notice, to: (),
            post=lambda letters, error: None,
            published=lambda: None,
            stored=lambda error: None,
            describe=lambda: AgentPart(name="bench", version="1", started_at=NOW),
        ),
    )
    line = parts.line(core, look=lambda evaluation: None, clean=str)
    for name, state in (("market", "LIVE"), ("auth-0", "VALID"), ("feed-0", "CONNECTED")):
        line.deliver(name, Report(state=state, reason="R", observed_at=NOW))
    return line, journal


def taken(lines: list[Line], clock: ManualClock, states: tuple[str, ...]) -> list[float]:
    """The median of each line, in microseconds, when its feed reports these states in turn."""
    spent: list[list[float]] = [[] for _ in lines]
    for number in range(ROUNDS):
        clock.step_wall(timedelta(seconds=1))
        report = Report(state=states[number % len(states)], reason="R", observed_at=clock.now())
        for line, times in zip(lines, spent, strict=True):
            began = time.perf_counter_ns()
            line.deliver("feed-0", report)
            times.append((time.perf_counter_ns() - began) / 1000)
    return [statistics.median(times) for times in spent]


async def main() -> None:
    clock = ManualClock(NOW)
    with tempfile.TemporaryDirectory() as plain, tempfile.TemporaryDirectory() as traced:
        built = [
            build(Path(plain), Parts(), clock),
            build(Path(traced), parts_by(SpanProcessor(), "bench", clock), clock),
        ]
        lines = [line for line, _ in built]
        print(f"{'a report':<28} {'plain':>9} {'traced':>9} {'ratio':>6}")
        for what, states in (
            ("that changes nothing", ("CONNECTED",)),
            ("that changes the answer", ("STALE", "CONNECTED")),
        ):
            one, other = taken(lines, clock, states)
            print(f"{what:<28} {one:6.0f} µs {other:6.0f} µs {other / one:6.2f}")
        for _, journal in built:
            await journal.close()


if __name__ == "__main__":
    asyncio.run(main())
