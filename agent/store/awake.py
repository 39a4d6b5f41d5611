"""When the agent ran, as the journal knows it: one row for each stretch without a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

LONGEST_PAUSE = timedelta(minutes=1)
"""The agent writes every few seconds; a longer pause is a time in which nobody watched."""

UPSERT = (
    "INSERT INTO awake (since, until) VALUES (?, ?)"
    " ON CONFLICT (since) DO UPDATE SET until = max(until, excluded.until)"
)
WITHIN = "SELECT since, until FROM awake WHERE until >= ? AND since < ? ORDER BY since"
FIRST = "SELECT min(since) AS since FROM awake"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the agent ran."""

    since: datetime
    until: datetime

    @property
    def row(self) -> tuple[str, str]:
        """As it stands in the file, where instants are compared as texts."""
        return self.since.astimezone(UTC).isoformat(), self.until.astimezone(UTC).isoformat()


def follow(present: Stretch | None, instants: Iterable[datetime]) -> Iterator[Stretch]:
    """The stretches that these instants make longer or begin, in their order.

    A new run begins a new one, and so do a sleep of the computer and a step of its clock.
    """
    for at in sorted(instants):
        if present is None or abs(at - present.until) > LONGEST_PAUSE:
            present = Stretch(at, at)
        elif at > present.until:
            present = replace(present, until=at)
        yield present
