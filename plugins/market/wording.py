"""The sentences that people read: what the market does now, and when that changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from plugins.market.calendar import Calendar
from plugins.market.phases import Phase, Reason, State

NEAR = timedelta(days=6)
"""Within this many days a weekday's name is enough."""

_STATES = {State.LIVE: "Live", State.PRE_OPEN: "Pre-open", State.CLOSED: "Closed"}


def describe(calendar: Calendar, instant: datetime) -> str:
    """One line: `Live until 15:30 IST`, `Opens Monday 09:15 IST (Holi today)`."""
    phase = calendar.phase_at(instant)
    if phase.state is State.UNKNOWN:
        return _unknown(calendar, phase, instant)
    if phase.state is State.LIVE:
        return _live(calendar, phase, instant)
    opens = calendar.next_open(instant)
    if opens is None:
        return f"{_STATES[phase.state]}; the next open is beyond the calendar, which ends {_last(calendar)}"
    return f"Opens {_when(calendar, opens, instant)}{_why(phase)}{_doubt(calendar, instant, opens)}"


def _live(calendar: Calendar, phase: Phase, instant: datetime) -> str:
    closes = calendar.next_close(instant)
    until = f" until {_when(calendar, closes, instant)}" if closes else ""
    names = [_words(phase.name)] if phase.name not in (None, "continuous") else []
    names += [phase.occasion] if phase.occasion else []
    return f"Live{until}" + (f" ({', '.join(names)})" if names else "")


def _unknown(calendar: Calendar, phase: Phase, instant: datetime) -> str:
    about, day = calendar.about, calendar.day_of(instant)
    if about.valid_from <= day <= about.valid_through:
        what = phase.occasion or "a session"
        return f"{day}: {what}, whose hours the calendar does not have; say them in an overlay"
    return (
        f"The {about.segment} calendar covers {about.valid_from} to {about.valid_through}, not {day}; "
        "update openbell or add the days in an overlay"
    )


def _why(phase: Phase) -> str:
    if phase.reason is Reason.HOLIDAY:
        return f" ({phase.occasion} today)"
    if phase.reason is Reason.WEEKEND:
        return " (weekend)"
    if phase.reason is Reason.BREAK:
        return " (break)"
    return f" ({phase.occasion})" if phase.occasion else ""


def _doubt(calendar: Calendar, instant: datetime, opens: datetime) -> str:
    """What may come before the open that is told, but whose hours nobody knows."""
    unknown = calendar.next_unknown(instant)
    if unknown is None or unknown.start >= opens:
        return ""
    day = calendar.day_of(unknown.start)
    return f"; before that {unknown.phase.occasion or 'a session'} on {day}, hours not known"


def _when(calendar: Calendar, then: datetime, now: datetime) -> str:
    """`15:30 IST` today, `Monday 09:15 IST` within days, else `2026-11-30 09:15 IST`."""
    local, today = then.astimezone(calendar.about.zone), calendar.day_of(now)
    clock = f"{local:%H:%M %Z}"
    if local.date() == today:
        return clock
    return f"{_day(local.date(), today)} {clock}"


def _day(day: date, today: date) -> str:
    if day - today == timedelta(days=1):
        return "tomorrow"
    return f"{day:%A}" if day - today <= NEAR else f"{day:%A} {day.isoformat()}"


def _last(calendar: Calendar) -> str:
    return calendar.about.valid_through.isoformat()


def _words(name: str | None) -> str:
    return (name or "").replace("_", " ")
