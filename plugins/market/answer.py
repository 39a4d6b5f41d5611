"""The calendar's answer for one instant as plain values, for the command line and for a report."""

from __future__ import annotations

from datetime import UTC, datetime

from plugins.market.calendar import Calendar
from plugins.market.phases import Phase, Reason
from plugins.market.wording import describe

Plain = dict[str, object]


def answer(calendar: Calendar, instant: datetime) -> Plain:
    """State, reason, phase and the next boundaries; instants in UTC with their offset."""
    phase = calendar.phase_at(instant)
    return {
        "at": iso(instant),
        "segment": calendar.about.segment,
        "state": str(phase.state),
        "reason": str(phase.reason),
        "message": describe(calendar, instant),
        "next_change_at": iso(calendar.next_change(instant)),
        **attributes(calendar, instant),
        "calendar": about(calendar, instant),
    }


def attributes(calendar: Calendar, instant: datetime) -> Plain:
    """What a report says beside state and reason."""
    phase, change = calendar.phase_at(instant), calendar.next_change(instant)
    following = calendar.phase_at(change) if change else None
    return {
        "phase": phase.name,
        "session": _special(phase),
        "holiday": _holiday(phase),
        "next_phase": following.name if following else None,
        "next_state": str(following.state) if following else None,
        "next_open_at": iso(calendar.next_open(instant)),
        "next_close_at": iso(calendar.next_close(instant)),
        "source": phase.source or None,
        "confidence": str(phase.confidence),
    }


def about(calendar: Calendar, instant: datetime) -> Plain:
    """Which calendar answered, how far it reaches, and how many days of it are left."""
    facts = calendar.about
    return {
        "name": facts.exchange,
        "zone": str(facts.zone),
        "valid_from": facts.valid_from.isoformat(),
        "valid_through": facts.valid_through.isoformat(),
        "days_left": days_left(calendar, instant),
        "checked": facts.checked.isoformat() if facts.checked else None,
    }


def days_left(calendar: Calendar, instant: datetime) -> int:
    """Days from the exchange's today to the calendar's last day; negative past it."""
    return (calendar.about.valid_through - calendar.day_of(instant)).days


def iso(instant: datetime | None) -> str | None:
    """An instant as ISO 8601 in UTC with its offset."""
    return instant.astimezone(UTC).isoformat() if instant else None


def _special(phase: Phase) -> str | None:
    return None if phase.reason in (Reason.HOLIDAY, Reason.WEEKEND) else phase.occasion or None


def _holiday(phase: Phase) -> str | None:
    return phase.occasion or None if phase.reason in (Reason.HOLIDAY, Reason.WEEKEND) else None
