"""One day's ticks, and which day it is for a desk whose day begins at an hour of its own. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Ticks:
    """Who has ticked what on a day: names by item."""

    day: date
    by: Mapping[str, str] = field(default_factory=dict)

    def on(self, day: date) -> Ticks:
        """The same on its own day, and none on another."""
        return self if day == self.day else Ticks(day)

    def tick(self, item: str, by: str) -> Ticks:
        return replace(self, by={**self.by, item: by})

    def untick(self, item: str) -> Ticks:
        return replace(self, by={name: who for name, who in self.by.items() if name != item})

    def as_text(self) -> str:
        return json.dumps({"day": self.day.isoformat(), "by": dict(self.by)})


def from_text(text: str | None, day: date) -> Ticks:
    """What was kept; none, if nothing was, or it cannot be read."""
    try:
        kept = json.loads(text or "")
        return Ticks(
            date.fromisoformat(kept["day"]), {str(item): str(who) for item, who in kept["by"].items()}
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return Ticks(day)


def day_of(now: datetime, begins: time, zone: ZoneInfo) -> date:
    """The desk's day: until it begins, the former one lasts."""
    local = now.astimezone(zone)
    return local.date() if local.time() >= begins else local.date() - timedelta(days=1)


def end_of(day: date, begins: time, zone: ZoneInfo) -> datetime:
    """When the next day begins."""
    return datetime.combine(day + timedelta(days=1), begins, zone)
