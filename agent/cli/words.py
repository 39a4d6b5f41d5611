"""The words and signs of a terminal for states of affairs."""

from __future__ import annotations

from datetime import datetime

from agent.text import how_long

SIGNS = {"ok": "✔", "info": "i", "warning": "!", "unknown": "?", "critical": "✘"}
COLORS = {"ok": "green", "info": "blue", "warning": "yellow", "unknown": "white", "critical": "red"}

HEADLINES = {
    "AUTH_REQUIRED": "Broker login needed",
    "FEED_DISCONNECTED": "The feed is down",
    "FEED_STALE": "The feed has gone quiet",
    "MACHINE_UNKNOWN": "Something cannot be seen",
    "AGENT_DEGRADED": "The agent needs care",
    "AGENT_LOST": "Another agent is lost",
    "BROKER_UNREACHABLE": "The broker does not answer",
    "CLOCK_OFFSET": "The clock is wrong",
    "CALENDAR_ENDS": "The calendar ends soon",
    "CALENDAR_DOUBTFUL": "The calendar is in doubt",
    "LIVE": "The market is open",
    "PRE_OPEN": "Soon the bell rings",
    "CLOSED": "The market is closed",
    "STARTING": "Starting up",
    "UNKNOWN": "No rule has an answer",
}


def age(since: str, now: datetime) -> str:
    """How long ago an instant was, in its two largest units."""
    return how_long(now - datetime.fromisoformat(since))
