"""What the market's phase demands of a feed, resolved to one word."""

from __future__ import annotations

from collections.abc import Mapping

from agent.health.rules import LIVE
from agent.model import CoreReason, Expectation, Status


def expected(table: Mapping[str, Expectation], market: Status | None) -> Expectation:
    """The expectation in a market status; a phase's own line wins over its state's.

    Without a market, or with one that is unknown, data is expected: the alarms stay on. Until
    the market has first spoken nothing is expected, which lasts no longer than the start.
    """
    if market is not None and market.reason == CoreReason.NOT_PROBED:
        return Expectation.NOTHING
    if market is None or market.is_unknown:
        return table.get(LIVE, Expectation.DATA)
    phase = market.attributes.get("phase")
    if isinstance(phase, str) and phase in table:
        return table[phase]
    return table.get(market.state, Expectation.NOTHING)
