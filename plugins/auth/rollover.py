"""The daily rollover: the instants at which the broker may end a token whatever its age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Rollover:
    """Tokens end at `at`; the broker may take until `uncertain_until` to do it, both in `zone`."""

    at: time
    uncertain_until: time
    zone: ZoneInfo

    def last(self, now: datetime) -> datetime:
        """The latest rollover, which may be now."""
        return self._latest(self.at, now)

    def next(self, now: datetime) -> datetime:
        """The first rollover after now."""
        return self._first_after(self.at, now)

    def next_mark(self, now: datetime) -> datetime:
        """The first rollover or end of an uncertain window after now: the broker is asked then."""
        return min(self._first_after(self.at, now), self._first_after(self.uncertain_until, now))

    def uncertain_end(self, now: datetime) -> datetime | None:
        """The end of the uncertain window, while it lasts."""
        end = self._first_after(self.uncertain_until, now)
        return end if self.last(now) > self._latest(self.uncertain_until, now) else None

    def local(self, instant: datetime) -> datetime:
        """The instant as the broker's clock shows it."""
        return instant.astimezone(self.zone)

    def _latest(self, at: time, now: datetime) -> datetime:
        today = self._on(at, now)
        return today if today <= now else self._on(at, now, -1)

    def _first_after(self, at: time, now: datetime) -> datetime:
        today = self._on(at, now)
        return today if today > now else self._on(at, now, 1)

    def _on(self, at: time, now: datetime, days: int = 0) -> datetime:
        day = now.astimezone(self.zone).date() + timedelta(days=days)
        return datetime.combine(day, at, self.zone).astimezone(UTC)
