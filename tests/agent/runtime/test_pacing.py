"""How much of the log one machine may have."""

from __future__ import annotations

import logging

from agent.runtime.pacing import BURST, PER_S, paced
from agent.testing import ManualClock


async def test_of_a_flood_of_lines_a_burst_passes_and_the_next_one_says_how_many_are_missing(caplog) -> None:
    clock = ManualClock()
    logger = paced(logging.getLogger("openbell.test-of-pace"), clock)
    caplog.set_level(logging.INFO)
    for number in range(BURST + 50):
        logger.info("line %d", number)
    assert [record.getMessage() for record in caplog.records] == [f"line {number}" for number in range(BURST)]
    await clock.advance(1 / PER_S)
    logger.info("and on")
    logger.info("too soon")
    assert caplog.records[-1].getMessage() == "and on (50 lines before it are left out)"


def test_a_logger_is_paced_once() -> None:
    logger = logging.getLogger("openbell.test-of-pace-twice")
    for _ in range(3):
        paced(logger, ManualClock())
    assert len(logger.filters) == 1
