"""Lays two calendars side by side, day by day, and says where they disagree about a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from plugins.market.calendar import Calendar
from plugins.market.phases import State


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A day, and what each of two calendars says of it."""

    day: date
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.day} {self.day:%A}: ours says {self.ours}, the other {self.theirs}"


def disagreements(ours: Calendar, theirs: Calendar, first: date, last: date) -> tuple[Disagreement, ...]:
    """The days from `first` through `last` that are a session for one only; hours are not compared.

    A day that the other one does not cover is left out.
    """
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    covered = (day for day in days if theirs.about.valid_from <= day <= theirs.about.valid_through)
    answers = (Disagreement(day, says(ours, day), says(theirs, day)) for day in covered)
    return tuple(found for found in answers if _word(found.ours) != _word(found.theirs))


def says(calendar: Calendar, day: date) -> str:
    """`open 09:15-15:30`, `closed`, or `unknown`: the live hours of the day in its own wall clock."""
    stretches = calendar.day(day)
    live = [item for item in stretches if item.phase.state is State.LIVE]
    if live:
        start, end = (at.astimezone(calendar.about.zone) for at in (live[0].start, live[-1].end))
        return f"open {start:%H:%M}-{end:%H:%M}"
    unknown = any(item.phase.state is State.UNKNOWN for item in stretches)
    return "unknown" if unknown else "closed"


def _word(said: str) -> str:
    return said.partition(" ")[0]
