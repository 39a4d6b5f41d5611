"""A year as a table of lines, to lay beside the exchange's own circular."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from plugins.market.calendar import Calendar
from plugins.market.phases import Phase, Reason, State, Stretch

Row = dict[str, object]


def year_rows(calendar: Calendar, year: int) -> list[Row]:
    """The days out of the ordinary, weekends left out unless something is on, and changes of hours."""
    rows, usual = [], ""
    for day in covered_days(calendar, year):
        sessions, first = calendar.sessions(day), _telling(calendar.day(day))
        hours = _hours(calendar, sessions)
        if first.reason is Reason.SESSION:
            if hours != usual:
                rows.append(_row(day, "HOURS", "from this day on", hours, first))
            usual = hours
        elif first.reason is not Reason.WEEKEND or first.occasion:
            rows.append(_row(day, first.reason, first.occasion, hours, first))
    return rows


def covered_days(calendar: Calendar, year: int) -> Iterator[date]:
    """The days of the year that the calendar covers."""
    day = max(date(year, 1, 1), calendar.about.valid_from)
    last = min(date(year, 12, 31), calendar.about.valid_through)
    while day <= last:
        yield day
        day += timedelta(days=1)


def year_text(calendar: Calendar, year: int) -> str:
    """The table in columns, and the number of session days at its foot."""
    about = calendar.about
    head = f"{about.segment} {year} ({about.zone}), {about.title}"
    lines = [_line(row) for row in year_rows(calendar, year)]
    days = sum(
        any(item.phase.state is State.LIVE for item in calendar.sessions(day))
        for day in covered_days(calendar, year)
    )
    foot = f"{days} days with a session; the calendar covers {about.valid_from} to {about.valid_through}"
    return "\n".join([head, *lines, foot])


def _line(row: Row) -> str:
    day, kind, name, hours = row["day"], row["kind"], row["name"], row["hours"]
    doubt = "" if row["confidence"] == "high" else "  (confidence medium)"
    return f"{day}  {str(row['weekday'])[:3]}  {kind:<15}  {name:<34}  {hours}{doubt}"


def _telling(stretches: tuple[Stretch, ...]) -> Phase:
    """The phase that says what kind of day it is: what is out of the ordinary before what is not."""
    ranks = (
        Reason.OUT_OF_CALENDAR,
        Reason.SPECIAL_SESSION,
        Reason.HOLIDAY,
        Reason.SESSION,
        Reason.WEEKEND,
    )
    phases = [stretch.phase for stretch in stretches]
    ranked = sorted(
        (phase for phase in phases if phase.reason in ranks), key=lambda phase: ranks.index(phase.reason)
    )
    return ranked[0] if ranked else Phase(State.CLOSED, Reason.WEEKEND)


def _hours(calendar: Calendar, sessions: tuple[Stretch, ...]) -> str:
    """`pre_open 09:00-09:15, continuous 09:15-15:30`, in the exchange's wall clock."""
    return ", ".join(f"{item.phase.name} {_span(calendar, item)}" for item in sessions)


def _span(calendar: Calendar, item: Stretch) -> str:
    start, end = (at.astimezone(calendar.about.zone) for at in (item.start, item.end))
    return f"{start:%H:%M}-{end:%H:%M}"


def _row(day: date, kind: str, name: str, hours: str, phase: Phase) -> Row:
    return {
        "day": day.isoformat(),
        "weekday": f"{day:%A}",
        "kind": str(kind),
        "name": name,
        "hours": hours or ("not known" if phase.state is State.UNKNOWN else "closed"),
        "source": phase.source or None,
        "confidence": str(phase.confidence),
    }


def open_runs(calendar: Calendar, day: date) -> Iterator[tuple[Stretch, ...]]:
    """The day's phases in which orders are taken, those that follow without a gap together."""
    sessions = [item for item in calendar.sessions(day) if item.phase.is_open]
    run: list[Stretch] = []
    for item in sessions:
        if run and run[-1].end != item.start:
            yield tuple(run)
            run = []
        run.append(item)
    if run:
        yield tuple(run)
