"""Finds the calendar of a segment: ours from the shipped files, any other from exchange-calendars."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from agent.api import ConfigError
from plugins.market.calendar import About, Calendar
from plugins.market.phases import Phase, Reason, State
from plugins.market.reading import read_calendar, read_overlay
from plugins.market.segment import Segment
from plugins.market.timeline import days_from, lay

FOLDER = Path(__file__).parent / "calendars"
DEFAULT_SEGMENT = "NSE_EQ"

BEYOND = Phase(State.UNKNOWN, Reason.OUT_OF_CALENDAR)
"""What holds outside of the days that a calendar covers."""


def load_calendar(segment: str, overlay: Path | None = None) -> Calendar:
    """The calendar of a segment, with an operator's overlay. Raises `ConfigError`. Blocks.

    A segment that is not ours is looked for in exchange-calendars, which is imported only then.
    """
    if segment not in _neighbours(segment):
        return _foreign(segment, overlay)
    if overlay is None:
        return _shipped(segment)
    return compile_calendar(read_overlay(overlay, shipped_segments())[segment])


def shipped_segments() -> dict[str, Segment]:
    """All segments of ours by name."""
    return {name: segment for path in _files() for name, segment in _read(path).items()}


def compile_calendar(segment: Segment) -> Calendar:
    """Lay the segment's days end to end."""
    days = days_from(segment.valid_from, segment.valid_through, segment.plan)
    about = About(
        segment=segment.name,
        title=segment.title,
        exchange=segment.exchange,
        zone=segment.zone,
        valid_from=segment.valid_from,
        valid_through=segment.valid_through,
        checked=segment.checked,
    )
    return Calendar(about, lay(days, segment.zone, before=BEYOND, after=BEYOND))


def _neighbours(segment: str) -> dict[str, Segment]:
    """The segments of the exchange that the name begins with, so that no other file need be read."""
    path = FOLDER / f"{segment.partition('_')[0].lower()}.toml"
    return _read(path) if path in _files() else {}


def _files() -> tuple[Path, ...]:
    return tuple(sorted(FOLDER.glob("*.toml")))


@cache
def _shipped(segment: str) -> Calendar:
    return compile_calendar(_neighbours(segment)[segment])


@cache
def _read(path: Path) -> dict[str, Segment]:
    return read_calendar(path)


def _foreign(segment: str, overlay: Path | None) -> Calendar:
    from plugins.market.foreign import load_foreign

    if overlay is not None:
        raise ConfigError(f"{overlay}: an overlay corrects our own calendars only, not {segment}; remove it")
    return load_foreign(segment, ours=tuple(shipped_segments()))
