"""The settings of a market machine in `agent.toml`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from agent.api import Duration, Settings


class MarketSettings(Settings):
    """Which segment is watched, and with which corrections."""

    segment: str = Field(
        default="NSE_EQ",
        description="A segment of ours (NSE_EQ, NSE_FO, MCX, ...) or a code of exchange-calendars (XNYS).",
    )
    overlay: Path | None = Field(
        default=None,
        description="A TOML file of your own that corrects days; read anew when it changes.",
    )
    warn_before: Duration = Field(
        default=timedelta(days=45),
        description="How long before its last day the calendar says that it is about to run out.",
    )
    compare_with: str | None = Field(
        default=None,
        description="A code of exchange-calendars (XBOM) to lay beside ours for the coming days.",
    )
