"""The market machine: it is live at every hour, and its days begin at midnight UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from agent.api import Context, Report, Session, Settings

DAY = timedelta(days=1)

STATES = ("LIVE", "PRE_OPEN", "CLOSED")
REASONS = ("SESSION", "HOLIDAY", "WEEKEND")
"""The words that openbell's own rules use of a market: all are declared, though it says but `LIVE`
and `SESSION`, so that the rules can be checked in a file that has no other market."""


class MarketSettings(Settings):
    """`[machines.NAME]` with `kind = "crypto-market"`; there is nothing to say."""


class AlwaysOpen:
    """A `StateMachine` with `Sessions`: without them nobody could count the feed's availability."""

    def __init__(self, settings: MarketSettings, context: Context) -> None:
        self._clock = context.clock

    async def probe(self) -> Report:
        return Report(
            state="LIVE",
            reason="SESSION",
            observed_at=self._clock.now(),
            message="The exchange never closes",
            attributes={"phase": "continuous"},
        )

    async def sessions(self, since: datetime, until: datetime) -> Sequence[Session]:
        return days_between(since, until)


def days_between(since: datetime, until: datetime) -> list[Session]:
    """A session for each day of UTC that begins from `since` on and before `until`."""
    opens = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if opens < since:
        opens += DAY
    found = []
    while opens < until:
        found.append(Session(opens.date(), opens, opens + DAY))
        opens += DAY
    return found
