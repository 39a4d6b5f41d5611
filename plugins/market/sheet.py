"""The shape of a calendar file and of an overlay, as TOML has them."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from plugins.market.phases import Confidence, State

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Segments = Annotated[tuple[Text, ...], Field(min_length=1)]
Day = Annotated[date, Strict()]
WallTime = Annotated[time, Strict()]
"""TOML has dates and times of its own; a text or a number in their place is a mistake."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Fact(_Table):
    """What is said of some segments, and who says so."""

    segments: Segments
    source: Text
    confidence: Confidence = Confidence.HIGH


class FollowedClose(_Table):
    """An end that follows another zone's clock: one time while that has daylight saving, else another."""

    zone: Text
    daylight: WallTime
    standard: WallTime


class Span(_Table):
    """One phase of a day, in the exchange's wall clock."""

    phase: Text
    start: WallTime
    end: WallTime | FollowedClose

    @property
    def ends(self) -> tuple[time, ...]:
        """Every end that it can have, the earliest first."""
        if isinstance(self.end, time):
            return (self.end,)
        return tuple(sorted((self.end.daylight, self.end.standard)))


Spans = Annotated[tuple[Span, ...], Field(min_length=1)]


class Hours(Fact):
    """The hours of an ordinary day; `from` and `until` are both included."""

    since: Day | None = Field(default=None, alias="from")
    until: Day | None = None
    phases: Spans

    def covers(self, day: date) -> bool:
        return (self.since or date.min) <= day <= (self.until or date.max)


class NamedDay(_Table):
    date: Day
    name: Text


class Holidays(Fact):
    """Days without a session; with `closed`, without those phases only."""

    days: Annotated[tuple[NamedDay, ...], Field(min_length=1)]
    closed: tuple[Text, ...] | None = Field(default=None, min_length=1)


class Special(Fact):
    """A session out of the ordinary, resolved before the weekend and the holidays.

    Either `phases`, or `hours`: `ordinary`, or `unknown` where the date alone is known.
    """

    date: Day
    name: Text
    hours: Literal["ordinary", "unknown"] | None = None
    phases: tuple[Span, ...] = ()


class OrdinaryDays(Fact):
    """Days that are no holiday after all."""

    days: Annotated[tuple[NamedDay, ...], Field(min_length=1)]


class Horizon(Fact):
    """How far the calendar may be believed."""

    through: Day


class CalendarFile(_Table):
    """An exchange's file."""

    exchange: Text
    title: Text
    zone: Text
    valid_from: Day
    valid_through: Day
    checked: Day
    weekend: tuple[Weekday, ...] = ("saturday", "sunday")
    phases: dict[str, State] = Field(min_length=1)
    segments: dict[str, Text] = Field(min_length=1)
    hours: tuple[Hours, ...] = ()
    holidays: tuple[Holidays, ...] = ()
    special: tuple[Special, ...] = ()


class OverlayFile(_Table):
    """An operator's file: what it says of a segment's day replaces all that ours says of it."""

    hours: tuple[Hours, ...] = ()
    holidays: tuple[Holidays, ...] = ()
    special: tuple[Special, ...] = ()
    ordinary: tuple[OrdinaryDays, ...] = ()
    horizon: tuple[Horizon, ...] = ()
