"""Calendars of other exchanges, from the optional exchange-calendars, imported only here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo

from agent.api import ConfigError
from plugins.market.calendar import About, Calendar
from plugins.market.phases import Phase, Reason, State
from plugins.market.timeline import DayPlan, Span, days_from, lay, midnight

PACKAGE = "exchange_calendars"

_BEYOND = Phase(State.UNKNOWN, Reason.OUT_OF_CALENDAR)
_WEEKEND = Phase(State.CLOSED, Reason.WEEKEND)
SATURDAY = 5


def check_foreign(segment: str, ours: tuple[str, ...]) -> None:
    """Raises `ConfigError` unless exchange-calendars, which alone could know the segment, is here."""
    if find_spec(PACKAGE) is None:
        near = get_close_matches(segment, ours, n=1)
        hint = f'did you mean "{near[0]}"? ' if near else ""
        raise ConfigError(
            f'segment "{segment}" is none of ours ({", ".join(sorted(ours))}); {hint}'
            'For other exchanges install the extra: pip install "openbell[calendars]"'
        )


def load_foreign(segment: str, ours: tuple[str, ...]) -> Calendar:
    """The calendar of any exchange that exchange-calendars knows. Blocks; raises `ConfigError`."""
    check_foreign(segment, ours)
    exchange_calendars = import_module(PACKAGE)
    try:
        found: Any = exchange_calendars.get_calendar(segment)
    except exchange_calendars.errors.InvalidCalendarName:
        known = (*ours, *exchange_calendars.get_calendar_names(include_aliases=False))
        near = get_close_matches(segment, known, n=1)
        remedy = f'did you mean "{near[0]}"?' if near else "`openbell market --list` names them"
        raise ConfigError(f'segment "{segment}" is not known, nor to exchange-calendars; {remedy}') from None
    return _calendar(segment, found)


def foreign_names() -> tuple[str, ...]:
    """The codes that exchange-calendars knows; none where it is not installed."""
    if find_spec(PACKAGE) is None:
        return ()
    exchange_calendars = import_module(PACKAGE)
    return tuple(exchange_calendars.get_calendar_names(include_aliases=False))


def _calendar(segment: str, found: Any) -> Calendar:
    exchange_calendars = import_module(PACKAGE)
    source = f"exchange-calendars {exchange_calendars.__version__}"
    zone = ZoneInfo(str(found.tz))
    first, last = found.first_session.date(), found.last_session.date()
    spans = _by_day(found, zone, source)
    holiday = Phase(State.CLOSED, Reason.HOLIDAY, source=source)

    def plan(day: date) -> DayPlan:
        rest = _WEEKEND if day.weekday() >= SATURDAY else holiday
        return DayPlan(tuple(spans.get(day, ())), rest)

    about = About(
        segment=segment,
        title=str(found.name),
        exchange=str(found.name),
        zone=zone,
        valid_from=first,
        valid_through=last,
    )
    return Calendar(about, lay(days_from(first, last, plan), zone, before=_BEYOND, after=_BEYOND))


def _by_day(found: Any, zone: ZoneInfo, source: str) -> dict[date, list[Span]]:
    """The sessions as spans of the exchange's own days; one over midnight is cut there."""
    live = Phase(State.LIVE, Reason.SESSION, "continuous", source=source)
    days: dict[date, list[Span]] = {}
    for start, end in _open_times(found):
        at = start
        while at < end:
            day = datetime.fromtimestamp(at, UTC).astimezone(zone).date()
            until = min(end, midnight(day + timedelta(days=1), zone))
            days.setdefault(day, []).append((at, until, live))
            at = until
    return days


def _open_times(found: Any) -> list[tuple[int, int]]:
    """Start and end of each stretch of trading, breaks left out, in seconds from the epoch."""
    times: list[tuple[int, int]] = []
    for row in found.schedule.itertuples(index=False):
        opens, closes = int(row.open.timestamp()), int(row.close.timestamp())
        if _is_time(row.break_start) and _is_time(row.break_end):
            pause, resume = int(row.break_start.timestamp()), int(row.break_end.timestamp())
            times += [(opens, pause), (resume, closes)]
        else:
            times.append((opens, closes))
    return times


def _is_time(value: Any) -> bool:
    return bool(value == value)  # noqa: PLR0124 - not-a-time is the one value unequal to itself
