"""The command `openbell market`: what the calendar says of an instant, a batch of them, or a year."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.api import ConfigError, SystemClock

if TYPE_CHECKING:
    from plugins.market.calendar import Calendar

EXIT_BAD_INPUT = 2
CHANGES = 8
"""How many coming changes `--next` lists."""


@click.command()
@click.option("--at", metavar="INSTANT", help="Without a zone it is the exchange's. [default: now]")
@click.option("--segment", default="NSE_EQ", show_default=True, help="NSE_EQ, NSE_FO, MCX, XNYS, ...")
@click.option("--overlay", type=click.Path(path_type=Path), help="Your own corrections, as in agent.toml.")
@click.option("--next", "show_next", is_flag=True, help="The coming changes instead of the present.")
@click.option("--year", type=click.IntRange(1970, 2199), help="The year's unusual days, as a table.")
@click.option("--ics", is_flag=True, help="The year's sessions and holidays as iCalendar.")
@click.option("--batch", is_flag=True, help="Answer lines `INSTANT SEGMENT` of standard input, in JSON.")
@click.option(
    "--compare", metavar="CODE", help="The days that exchange-calendars' CODE (XBOM) has otherwise."
)
@click.option("--list", "list_segments", is_flag=True, help="The segments that there are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def market(
    *,
    at: str | None,
    segment: str,
    overlay: Path | None,
    show_next: bool,
    year: int | None,
    ics: bool,
    batch: bool,
    compare: str | None,
    list_segments: bool,
    as_json: bool,
) -> None:
    """Say whether a market is open at an instant, and why. Needs no running agent."""
    try:
        if list_segments:
            _list(as_json)
        elif batch:
            _batch(overlay)
        elif compare is not None:
            _compare(_calendar(segment, overlay), compare, as_json)
        elif year is not None or ics:
            _year(_calendar(segment, overlay), year, ics, as_json)
        elif show_next:
            _next(_calendar(segment, overlay), at, as_json)
        else:
            _tell(_calendar(segment, overlay), at, as_json)
    except (ConfigError, ValueError) as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(EXIT_BAD_INPUT) from error


def _calendar(segment: str, overlay: Path | None) -> Calendar:
    from plugins.market.library import load_calendar

    return load_calendar(segment, overlay)


def _tell(calendar: Calendar, at: str | None, as_json: bool) -> None:
    from plugins.market.answer import answer, days_left

    instant = _instant(at, calendar)
    said = answer(calendar, instant)
    if as_json:
        click.echo(json.dumps(said))
        return
    about, left = calendar.about, days_left(calendar, instant)
    click.echo(f"{said['segment']}  {said['state']}  {said['reason']}  {said['phase'] or '-'}")
    click.echo(said["message"])
    click.echo(f"next change {said['next_change_at'] or 'beyond the calendar'}")
    click.echo(f"calendar {about.exchange}, through {about.valid_through}, {left} days left")


def _next(calendar: Calendar, at: str | None, as_json: bool) -> None:
    """The coming changes, one a line."""
    instant: datetime | None = _instant(at, calendar)
    for _ in range(CHANGES):
        instant = calendar.next_change(instant) if instant else None
        if instant is None:
            return
        row = _change(calendar, instant)
        if as_json:
            click.echo(json.dumps({"at": instant.isoformat(), **row}))
        else:
            local = instant.astimezone(calendar.about.zone)
            words = (row["state"], row["reason"], row["phase"], row["occasion"])
            click.echo("  ".join([f"{local:%a %Y-%m-%d %H:%M:%S %Z}", *(word for word in words if word)]))


def _change(calendar: Calendar, at: datetime) -> dict[str, str | None]:
    phase = calendar.phase_at(at)
    return {
        "segment": calendar.about.segment,
        "state": str(phase.state),
        "reason": str(phase.reason),
        "phase": phase.name,
        "occasion": phase.occasion or None,
    }


def _year(calendar: Calendar, year: int | None, ics: bool, as_json: bool) -> None:
    from plugins.market.ics import year_ics
    from plugins.market.table import year_rows, year_text

    about = calendar.about
    which = year or calendar.day_of(_now()).year
    if not about.valid_from.year <= which <= about.valid_through.year:
        raise ValueError(
            f"{which}: the {about.segment} calendar covers {about.valid_from} to {about.valid_through}; "
            "ask for a year of these"
        )
    if ics:
        click.echo(year_ics(calendar, which), nl=False)
    elif as_json:
        click.echo(json.dumps(year_rows(calendar, which)))
    else:
        click.echo(year_text(calendar, which))


def _batch(overlay: Path | None) -> None:
    """One JSON line for each line of standard input, in its order."""
    from plugins.market.asking import answers

    failed = False
    for said in answers(sys.stdin, lambda segment: _calendar(segment, overlay)):
        failed = failed or "error" in said
        click.echo(json.dumps(said))
    if failed:
        raise click.exceptions.Exit(EXIT_BAD_INPUT)


def _compare(calendar: Calendar, code: str, as_json: bool) -> None:
    """Each day that is a session for one calendar only, with both answers."""
    from plugins.market.compare import disagreements

    about = calendar.about
    for found in disagreements(calendar, _calendar(code, None), about.valid_from, about.valid_through):
        row = {"day": found.day.isoformat(), "ours": found.ours, "theirs": found.theirs}
        click.echo(json.dumps(row) if as_json else str(found))


def _list(as_json: bool) -> None:
    from plugins.market.foreign import foreign_names
    from plugins.market.library import shipped_segments

    ours = {name: f"{found.exchange} {found.title}" for name, found in shipped_segments().items()}
    others = foreign_names()
    if as_json:
        click.echo(json.dumps({**ours, **dict.fromkeys(others, "exchange-calendars")}))
        return
    for name, title in ours.items():
        click.echo(f"{name:<12}{title}")
    if others:
        click.echo(f"and {len(others)} of exchange-calendars: {', '.join(others)}")
    else:
        click.echo('others: pip install "openbell[calendars]"')


def _instant(text: str | None, calendar: Calendar) -> datetime:
    from plugins.market.asking import parse_instant

    return _now() if text is None else parse_instant(text, calendar)


def _now() -> datetime:
    return SystemClock().now()
