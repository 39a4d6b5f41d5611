"""The rules of one segment, and what they make of a day: special session, weekend, holiday, or hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import TypeVar
from zoneinfo import ZoneInfo

from plugins.market.phases import Confidence, Phase, Reason, State
from plugins.market.sheet import (
    CalendarFile,
    FollowedClose,
    Holidays,
    Hours,
    OverlayFile,
    Span,
    Special,
)
from plugins.market.timeline import DayPlan, midnight, second
from plugins.market.timeline import Span as PlacedSpan

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NOON = time(12)

FactT = TypeVar("FactT")


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day without a session, or without the phases in `closed`."""

    name: str
    closed: frozenset[str] | None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """All that is known of one segment; `hours` in order of precedence."""

    name: str
    title: str
    exchange: str
    zone: ZoneInfo
    valid_from: date
    valid_through: date
    checked: date
    weekend: frozenset[int]
    states: Mapping[str, State]
    hours: tuple[Hours, ...]
    holidays: Mapping[date, Holiday]
    specials: Mapping[date, Special]

    def is_weekend(self, day: date) -> bool:
        return day.weekday() in self.weekend

    def hours_on(self, day: date) -> Hours | None:
        """The hours that an ordinary day has by then."""
        return next((hours for hours in self.hours if hours.covers(day)), None)

    def plan(self, day: date) -> DayPlan:
        """What the day holds: a special session comes before the weekend, the weekend before a holiday."""
        special, holiday = self.specials.get(day), self.holidays.get(day)
        if special is not None:
            return self._special(day, special)
        if self.is_weekend(day):
            name = holiday.name if holiday else ""
            return DayPlan((), Phase(State.CLOSED, Reason.WEEKEND, occasion=name))
        hours = self.hours_on(day)
        if hours is None:
            return self._unknown(day, "", "")
        if holiday is None:
            return DayPlan(self._placed(day, hours.phases, Reason.SESSION, "", hours), _NEVER)
        rest = Phase(State.CLOSED, Reason.HOLIDAY, None, holiday.name, holiday.source, holiday.confidence)
        return DayPlan(self._half_day(day, hours, holiday, rest), rest)

    def _special(self, day: date, special: Special) -> DayPlan:
        hours = self.hours_on(day)
        if special.hours == "unknown" or (special.hours == "ordinary" and hours is None):
            return self._unknown(day, special.name, special.source)
        spans = hours.phases if special.hours == "ordinary" and hours else special.phases
        placed = self._placed(day, spans, Reason.SPECIAL_SESSION, special.name, special)
        return DayPlan(placed, _NEVER, special.name)

    def _half_day(self, day: date, hours: Hours, holiday: Holiday, rest: Phase) -> tuple[PlacedSpan, ...]:
        if holiday.closed is None:
            return ()
        placed = self._placed(day, hours.phases, Reason.SESSION, "", hours)
        return tuple(_rested(placed, holiday.closed, rest))

    def _unknown(self, day: date, name: str, source: str) -> DayPlan:
        phase = Phase(State.UNKNOWN, Reason.OUT_OF_CALENDAR, None, name, source)
        start, end = midnight(day, self.zone), midnight(day + timedelta(days=1), self.zone)
        return DayPlan(((start, end, phase),), phase, name)

    def _placed(
        self, day: date, spans: tuple[Span, ...], reason: Reason, occasion: str, fact: Hours | Special
    ) -> tuple[PlacedSpan, ...]:
        return tuple(
            (
                second(day, span.start, self.zone),
                second(day, end_of(span, day), self.zone),
                _phase(self.states[span.phase], reason, span.phase, occasion, fact.source, fact.confidence),
            )
            for span in sorted(spans, key=lambda span: span.start)
        )


def _rested(spans: tuple[PlacedSpan, ...], closed: frozenset[str], rest: Phase) -> Iterator[PlacedSpan]:
    """The spans, with one rest in the place of each run of closed ones."""
    for is_closed, group in groupby(spans, key=lambda span: span[2].name in closed):
        run = tuple(group)
        if is_closed:
            yield run[0][0], run[-1][1], rest
        else:
            yield from run


_NEVER = Phase(State.CLOSED, Reason.AFTER_HOURS)
"""What holds on a day with hours outside of them, were there none: it has some."""

_phase = lru_cache(maxsize=1024)(Phase)
"""Equal phases are one: a year has some thousand stretches and a few dozen phases."""


def end_of(span: Span, day: date) -> time:
    """The end on that day, by the clocks of the zone that it follows, if any, at noon there."""
    if not isinstance(span.end, FollowedClose):
        return span.end
    return span.end.daylight if _saves_daylight(span.end.zone, day) else span.end.standard


@lru_cache(maxsize=4096)
def _saves_daylight(zone: str, day: date) -> bool:
    return bool(datetime.combine(day, NOON, ZoneInfo(zone)).dst())


def segments_of(sheet: CalendarFile) -> dict[str, Segment]:
    """The segments of an exchange's file by name."""
    return {name: _segment(sheet, name) for name in sheet.segments}


def _segment(sheet: CalendarFile, name: str) -> Segment:
    return Segment(
        name=name,
        title=sheet.segments[name],
        exchange=sheet.exchange,
        zone=ZoneInfo(sheet.zone),
        valid_from=sheet.valid_from,
        valid_through=sheet.valid_through,
        checked=sheet.checked,
        weekend=frozenset(WEEKDAYS.index(day) for day in sheet.weekend),
        states=sheet.phases,
        hours=tuple(hours for hours in sheet.hours if name in hours.segments),
        holidays=_holidays(sheet.holidays, name),
        specials={special.date: special for special in sheet.special if name in special.segments},
    )


def _holidays(lists: tuple[Holidays, ...], segment: str) -> dict[date, Holiday]:
    return {
        day.date: Holiday(
            day.name,
            frozenset(fact.closed) if fact.closed else None,
            fact.source,
            fact.confidence,
        )
        for fact in lists
        if segment in fact.segments
        for day in fact.days
    }


def overlaid(segment: Segment, overlay: OverlayFile) -> Segment:
    """The segment as the operator has it: a day that the overlay names is wholly the overlay's."""
    name = segment.name
    holidays = _holidays(overlay.holidays, name)
    specials = {special.date: special for special in overlay.special if name in special.segments}
    ordinary = {day.date for fact in overlay.ordinary if name in fact.segments for day in fact.days}
    replaced = ordinary | holidays.keys() | specials.keys()
    through = [horizon.through for horizon in overlay.horizon if name in horizon.segments]
    return replace(
        segment,
        hours=(*(hours for hours in overlay.hours if name in hours.segments), *segment.hours),
        holidays={**_without(segment.holidays, replaced), **holidays},
        specials={**_without(segment.specials, replaced), **specials},
        valid_through=max(through, default=segment.valid_through),
    )


def _without(days: Mapping[date, FactT], gone: set[date]) -> dict[date, FactT]:
    return {day: fact for day, fact in days.items() if day not in gone}
