"""The market keeps openbell's contract, and counts its days by UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from openbell_crypto.market import days_between

from agent.testing import StateMachineContract

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class TestMarketContract(StateMachineContract):
    plugin = "openbell_crypto"
    kind = "crypto-market"
    healthy = ("LIVE", "SESSION")
    does_not_apply = {"troubles": "it knows the time, and asks nobody"}


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        pytest.param(MIDNIGHT, MIDNIGHT + SECOND, [23], id="from midnight on"),
        pytest.param(MIDNIGHT + SECOND, MIDNIGHT + timedelta(days=1), [], id="between two midnights"),
        pytest.param(
            MIDNIGHT - SECOND, MIDNIGHT + timedelta(days=1, seconds=1), [23, 24], id="two midnights"
        ),
        pytest.param(MIDNIGHT, MIDNIGHT, [], id="no time at all"),
    ],
)
def test_a_day_is_a_session_from_midnight_to_midnight(since, until, days) -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    for zone in (UTC, kolkata):
        found = days_between(since.astimezone(zone), until.astimezone(zone))
        assert [one.day.day for one in found] == days
        assert all(one.closes_at - one.opens_at == timedelta(days=1) for one in found)
