"""Problems as the alerts see them, a few words each."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.alerts.concerns import Concern, Picture
from agent.model import Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""A Monday, 12:00 in Kolkata."""


def concern(code: str = "FEED_STALE", severity: Severity = Severity.CRITICAL, **more) -> Concern:
    made = {
        "rule": code.lower().replace("_", "-"),
        "group": None,
        "message": f"{code} it is",
        "since": NOON,
        "session": frozenset({"LIVE", "SESSION"}),
    }
    return Concern(code=code, severity=severity, **(made | more))


def picture(*concerns: Concern) -> Picture:
    """What there is at an instant; the document says what leads, or that the market is open."""
    lead = next((one for one in concerns if not one.is_suppressed), None)
    return Picture(
        concerns=concerns,
        code=lead.code if lead else "LIVE",
        severity=lead.severity if lead else Severity.OK,
        message=lead.message if lead else "Live until 15:30 IST",
        since=NOON,
    )
