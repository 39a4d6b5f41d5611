"""The bench does with a machine what the agent does."""

from __future__ import annotations

from agent.api import Report
from agent.testing import Bench, run_machine


class Counts:
    """Says how often it was asked; blocks, so it has to be asked in a thread."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.asked = bench, 0

    def probe(self) -> Report:
        self.asked += 1
        if self.asked == 2:
            raise ValueError("the second time")
        return Report(state="ASKED", reason=f"TIMES_{self.asked}", observed_at=self.bench.clock.now())


async def test_a_machine_is_probed_at_once_and_again_when_its_time_has_come() -> None:
    bench = Bench()
    async with run_machine(Counts(bench), bench):
        await bench.until(lambda report: report.reason == "TIMES_1")
        await bench.clock.advance(1)
        failed = await bench.until(lambda report: report.reason == "PROBE_FAILED")
    assert (failed.state, failed.message) == ("UNKNOWN", "The probe raised ValueError: the second time")
    assert [type(error) for error in bench.errors] == [ValueError]


async def test_a_machine_is_probed_when_it_wishes() -> None:
    bench = Bench()
    async with run_machine(Counts(bench), bench):
        await bench.until(lambda report: report.reason == "TIMES_1")
        bench.probe_soon()
        await bench.until(lambda report: report.reason == "PROBE_FAILED")
        bench.probe_soon()
        await bench.until(lambda report: report.reason == "TIMES_3")


async def test_a_run_that_ends_by_itself_is_an_error() -> None:
    class Ends(Counts):
        async def run(self) -> None:
            raise OSError("no such device")

    bench = Bench()
    async with run_machine(Ends(bench), bench):
        await bench.until(lambda report: report.reason == "TIMES_1")
    assert [type(error) for error in bench.errors] == [OSError]
