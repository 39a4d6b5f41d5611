"""Probes that hang, raise, block and lie; and the ones that simply answer."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta

import pytest

from agent.model import CoreReason, Machine, Report
from agent.runtime.probing import Prober
from agent.runtime.threads import Threads
from agent.testing import ManualClock, settle

MACHINE = Machine(
    name="feed", kind="k", role="feed", states=frozenset({"CONNECTED"}), reasons=frozenset({"TICKING"})
)


class Bench:
    """One prober, the reports that it delivered, and the machine under it."""

    def __init__(self, probe) -> None:
        self.clock = ManualClock()
        self.reports: list[Report] = []
        subject = type("Subject", (), {"probe": staticmethod(probe)})()
        self.prober = Prober(
            MACHINE,
            subject,
            clock=self.clock,
            timeout=timedelta(seconds=5),
            threads=Threads("test"),
            deliver=self.reports.append,
        )

    def well(self) -> Report:
        return Report(state="CONNECTED", reason="TICKING", observed_at=self.clock.now())

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(report.state, report.reason) for report in self.reports]


async def test_an_answer_is_delivered() -> None:
    async def probe() -> Report:
        return bench.well()

    bench = Bench(probe)
    bench.prober.wish()
    await settle()
    assert bench.said == [("CONNECTED", "TICKING")]


async def test_a_probe_that_hangs_is_unknown_at_its_timeout_and_tried_again() -> None:
    started = 0

    async def probe() -> Report:
        nonlocal started
        started += 1
        await asyncio.Event().wait()
        raise AssertionError

    bench = Bench(probe)
    bench.prober.on_schedule()
    await bench.clock.advance(4.999)
    assert bench.reports == []
    await bench.clock.advance(0.001)
    assert bench.said == [("UNKNOWN", CoreReason.PROBE_TIMEOUT)]
    bench.prober.on_schedule()
    await bench.clock.advance(5)
    assert started == 2


async def test_a_probe_that_will_not_be_cancelled_is_never_started_twice() -> None:
    started = 0

    async def probe() -> Report:
        nonlocal started
        started += 1
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return bench.well()

    release = asyncio.Event()
    bench = Bench(probe)
    bench.prober.on_schedule()
    await bench.clock.advance(5)
    bench.prober.on_schedule()
    await bench.clock.advance(5)
    assert bench.said == [("UNKNOWN", CoreReason.PROBE_TIMEOUT)] * 2
    assert "has not ended" in bench.reports[1].message
    assert started == 1
    release.set()
    await settle()
    bench.prober.on_schedule()
    await settle()
    assert bench.said[-1] == ("CONNECTED", "TICKING")


async def test_a_probe_that_blocks_its_thread_leaves_the_loop_free() -> None:
    release = threading.Event()
    running = threading.Event()
    calls = 0

    def probe() -> Report:
        nonlocal calls
        calls += 1
        running.set()
        release.wait(10)
        return bench.well()

    bench = Bench(probe)
    bench.prober.on_schedule()
    await asyncio.to_thread(running.wait, 10)
    await bench.clock.advance(5)
    assert bench.said == [("UNKNOWN", CoreReason.PROBE_TIMEOUT)]
    bench.prober.on_schedule()
    await bench.clock.advance(5)
    assert (calls, bench.said[-1]) == (1, ("UNKNOWN", CoreReason.PROBE_TIMEOUT))
    release.set()


@pytest.mark.parametrize(
    ("error", "word"),
    [
        pytest.param(ValueError("no such thing"), "ValueError: no such thing", id="an error"),
        pytest.param(TimeoutError(), "TimeoutError", id="a timeout of its own"),
        pytest.param(SystemExit(3), "SystemExit", id="sys.exit"),
        pytest.param(KeyboardInterrupt(), "KeyboardInterrupt", id="an interrupt"),
    ],
)
async def test_a_probe_that_raises_is_unknown_with_the_reason(error, word) -> None:
    async def probe() -> Report:
        raise error

    bench = Bench(probe)
    bench.prober.wish()
    await settle()
    assert bench.said == [("UNKNOWN", CoreReason.PROBE_FAILED)]
    assert word in bench.reports[0].message


@pytest.mark.parametrize("answer", [None, "CONNECTED", Report, {"state": "CONNECTED"}])
async def test_an_answer_that_is_no_report_is_the_plugins_error(answer) -> None:
    async def probe() -> object:
        return answer

    bench = Bench(probe)
    bench.prober.wish()
    await settle()
    assert bench.said == [("UNKNOWN", CoreReason.PLUGIN_ERROR)]


async def test_a_scheduled_turn_is_merged_into_a_probe_under_way_and_a_wish_is_not() -> None:
    gate = asyncio.Event()
    started = 0

    async def probe() -> Report:
        nonlocal started
        started += 1
        await gate.wait()
        return bench.well()

    bench = Bench(probe)
    bench.prober.on_schedule()
    await settle()
    bench.prober.on_schedule()
    bench.prober.wish()
    bench.prober.wish()
    gate.set()
    await settle()
    assert (started, bench.prober.counts.merged) == (2, 1)


async def test_failing_and_coming_back_are_logged_once_each(caplog) -> None:
    async def probe() -> Report:
        if failing:
            raise ValueError("broken")
        return bench.well()

    caplog.set_level(logging.INFO)
    bench = Bench(probe)
    failing = True
    for _ in range(3):
        bench.prober.wish()
        await settle()
    failing = False
    for _ in range(3):
        bench.prober.wish()
        await settle()
    assert len(caplog.records) == 2


async def test_stopping_cancels_what_is_under_way() -> None:
    ended = asyncio.Event()

    async def probe() -> Report:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    bench = Bench(probe)
    bench.prober.wish()
    await settle()
    await bench.prober.stop()
    await settle()
    assert ended.is_set()
    assert bench.reports == []


async def test_one_that_was_ended_probes_no_more_whatever_is_wished() -> None:
    started = 0

    async def probe() -> Report:
        nonlocal started
        started += 1
        await asyncio.Event().wait()
        raise AssertionError

    bench = Bench(probe)
    bench.prober.wish()
    await settle()
    bench.prober.wish()
    await bench.prober.stop()
    bench.prober.on_schedule()
    bench.prober.wish()
    await settle()
    assert (started, bench.reports) == (1, [])
