"""The pace at which a machine's pushes come in."""

from __future__ import annotations

from agent.runtime.inlet import BURST, Inlet
from agent.testing import ManualClock


async def test_a_burst_passes_in_order_and_at_once() -> None:
    taken: list[int] = []
    inlet = Inlet(ManualClock(), taken.append)
    for number in range(BURST):
        inlet.put(number)
    assert taken == list(range(BURST))
    assert inlet.merged == 0


async def test_of_a_flood_the_latest_comes_in_twice_a_second_and_the_last_one_always() -> None:
    clock, taken = ManualClock(), []
    inlet = Inlet(clock, taken.append)
    for number in range(10_000):
        inlet.put(number)
        if number % 100 == 99:
            await clock.advance(0.1)
    await clock.advance(1)
    assert taken[-1] == 9_999
    assert taken == sorted(taken)
    assert BURST + 20 <= len(taken) <= BURST + 23
    assert inlet.merged == 10_000 - len(taken)


async def test_after_a_calm_a_burst_passes_again() -> None:
    clock, taken = ManualClock(), []
    inlet = Inlet(clock, taken.append)
    for number in range(BURST + 2):
        inlet.put(number)
    await clock.advance(60)
    taken.clear()
    for number in range(BURST):
        inlet.put(number)
    assert taken == list(range(BURST))


async def test_what_was_charged_more_makes_the_next_one_wait_longer() -> None:
    clock, taken = ManualClock(), []
    inlet = Inlet(clock, taken.append)
    inlet.put("large")
    inlet.charge(BURST + 3)
    inlet.put("next")
    await clock.advance(2.49)
    assert taken == ["large"]
    await clock.advance(0.02)
    assert taken == ["large", "next"]
