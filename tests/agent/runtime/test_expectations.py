"""What a market status demands of a feed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.model import Expectation, Machine, Status
from agent.runtime.expectations import expected

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
TABLE = {
    "LIVE": Expectation.DATA,
    "PRE_OPEN": Expectation.CONNECTION,
    "closing_auction": Expectation.CONNECTION,
    "CLOSED": Expectation.NOTHING,
}


def market(state: str, reason: str = "SESSION", phase: str | None = None) -> Status:
    return Status(
        machine=Machine(name="market", kind="market", role="market"),
        state=state,
        reason=reason,
        since=NOON,
        observed_at=NOON,
        attributes={} if phase is None else {"phase": phase},
    )


@pytest.mark.parametrize(
    ("status", "expectation"),
    [
        pytest.param(market("LIVE"), Expectation.DATA, id="live"),
        pytest.param(market("PRE_OPEN"), Expectation.CONNECTION, id="pre-open"),
        pytest.param(market("CLOSED"), Expectation.NOTHING, id="closed"),
        pytest.param(market("LIVE", phase="continuous"), Expectation.DATA, id="a phase without a line"),
        pytest.param(market("LIVE", phase="closing_auction"), Expectation.CONNECTION, id="a phase wins"),
        pytest.param(market("UNKNOWN", "OUT_OF_CALENDAR"), Expectation.DATA, id="unknown is live"),
        pytest.param(market("UNKNOWN", "NOT_PROBED"), Expectation.NOTHING, id="not yet asked"),
        pytest.param(None, Expectation.DATA, id="no market"),
    ],
)
def test_the_expectation_follows_the_market(status, expectation) -> None:
    assert expected(TABLE, status) is expectation
