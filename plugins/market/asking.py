"""Understands what is asked on the command line: an instant, or lines of instant and segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from agent.api import ConfigError
from plugins.market.answer import answer
from plugins.market.calendar import Calendar

EXAMPLE = "2026-11-23T09:15:00+05:30"
YEARS = range(1970, 2200)


def parse_instant(text: str, calendar: Calendar) -> datetime:
    """The instant that the text means; without a zone, as the exchange's clocks show it.

    Raises `ValueError` with the remedy.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r}: expected an instant such as {EXAMPLE}") from None
    if instant.year not in YEARS:
        raise ValueError(f"{text!r}: expected a year from {YEARS.start} to {YEARS.stop - 1}")
    return instant if instant.tzinfo else instant.replace(tzinfo=calendar.about.zone)


def answers(lines: Iterable[str], load: Callable[[str], Calendar]) -> Iterator[dict[str, object]]:
    """An answer for each line `INSTANT SEGMENT`; one that cannot be answered says why in its place."""
    calendars: dict[str, Calendar] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            at, segment = _words(line.strip())
            if segment not in calendars:
                calendars[segment] = load(segment)
            yield answer(calendars[segment], parse_instant(at, calendars[segment]))
        except (ConfigError, ValueError) as error:
            yield {"line": number, "error": str(error)}


def _words(line: str) -> tuple[str, str]:
    """Instant and segment; an instant may have a blank between its day and its time."""
    instant, _, segment = line.rpartition(" ")
    if not instant:
        raise ValueError(f"{line!r}: expected INSTANT SEGMENT, as in {EXAMPLE} NSE_EQ")
    return instant.strip(), segment
