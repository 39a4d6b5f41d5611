"""Sessions and holidays as iCalendar (RFC 5545), for any calendar app."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from plugins.market.calendar import Calendar
from plugins.market.phases import Phase, Reason, State, Stretch
from plugins.market.table import covered_days, open_runs

LINE = 75
"""Octets a line may have; a longer one goes on in the next after a blank."""


def year_ics(calendar: Calendar, year: int) -> str:
    """The year's sessions as events with a time, its holidays as events of a whole day.

    The same calendar gives the same text, so that a subscriber sees no change where there is none.
    """
    segment = calendar.about.segment
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//openbell//market sessions//EN",
        f"X-WR-CALNAME:{_text(segment)} sessions {year}",
    ]
    for day in covered_days(calendar, year):
        for run in open_runs(calendar, day):
            lines += _session(calendar, run)
        for phase in _resting(calendar.day(day)):
            lines += _holiday(calendar, day, phase)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _fold(line))


def _session(calendar: Calendar, run: tuple[Stretch, ...]) -> list[str]:
    start, end, phase = run[0].start, run[-1].end, run[-1].phase
    name = f"{calendar.about.segment}: {phase.occasion or 'session'}"
    phases = ", ".join(f"{item.phase.name} {_local(calendar, item.start)}" for item in run)
    return _event(
        calendar,
        f"{start:%Y%m%dT%H%M%SZ}",
        [f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}"],
        name,
        f"{phases}. Source: {phase.source}",
    )


def _holiday(calendar: Calendar, day: date, phase: Phase) -> list[str]:
    what = "hours not known" if phase.state is State.UNKNOWN else "closed"
    following = day + timedelta(days=1)
    return _event(
        calendar,
        f"{day:%Y%m%d}",
        [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{following:%Y%m%d}", "TRANSP:TRANSPARENT"],
        f"{calendar.about.segment}: {phase.occasion or 'holiday'} ({what})",
        f"Source: {phase.source}",
    )


def _resting(stretches: tuple[Stretch, ...]) -> Iterator[Phase]:
    """The holiday, or the unknown, that a whole day consists of."""
    if len(stretches) == 1 and stretches[0].phase.reason in (Reason.HOLIDAY, Reason.OUT_OF_CALENDAR):
        yield stretches[0].phase


def _event(calendar: Calendar, key: str, when: list[str], summary: str, description: str) -> list[str]:
    about = calendar.about
    stamp = datetime.combine(about.checked or about.valid_from, time(), UTC)
    return [
        "BEGIN:VEVENT",
        f"UID:{about.segment}-{key}@openbell",
        f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}",
        *when,
        f"SUMMARY:{_text(summary)}",
        f"DESCRIPTION:{_text(description)}",
        "END:VEVENT",
    ]


def _local(calendar: Calendar, instant: datetime) -> str:
    return f"{instant.astimezone(calendar.about.zone):%H:%M %Z}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def _fold(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 octets, never within a character."""
    piece = ""
    for character in line:
        if len((piece + character).encode()) > LINE:
            yield piece
            piece = " "
        piece += character
    yield piece
