"""Says what is wrong with a calendar whose shape is right: overlaps, unknown names, days said twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from zoneinfo import ZoneInfo

from plugins.market.segment import WEEKDAYS, Segment
from plugins.market.sheet import CalendarFile, Fact, FollowedClose, Hours, OverlayFile, Span

Place = tuple[str | int, ...]
Sheet = CalendarFile | OverlayFile
LISTS = ("hours", "holidays", "special", "ordinary", "horizon")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was found at a place of the file, and what would do."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))}: {self.text}" if self.place else self.text


def check_calendar(sheet: CalendarFile) -> Iterator[Complaint]:
    """All that is wrong with an exchange's file."""
    yield from _zone(("zone",), sheet.zone)
    if sheet.valid_through < sheet.valid_from:
        yield Complaint(("valid_through",), f"{sheet.valid_through} is before valid_from; swap them")
    known = dict.fromkeys(sheet.segments, (sheet.valid_from, sheet.valid_through))
    phases = dict.fromkeys(sheet.segments, frozenset(sheet.phases))
    yield from _facts(sheet, known, phases)
    yield from _regimes(sheet, whole=known)


def check_overlay(sheet: OverlayFile, segments: Mapping[str, Segment]) -> Iterator[Complaint]:
    """All that is wrong with an operator's file, beside the segments that it corrects."""
    through = {name: item.through for item in sheet.horizon for name in item.segments}
    known = {
        name: (segment.valid_from, through.get(name, segment.valid_through))
        for name, segment in segments.items()
    }
    phases = {name: frozenset(segment.states) for name, segment in segments.items()}
    yield from _facts(sheet, known, phases)
    yield from _regimes(sheet, whole={})
    yield from _ordinary_days(sheet, segments)


def _facts(
    sheet: Sheet, known: Mapping[str, tuple[date, date]], phases: Mapping[str, frozenset[str]]
) -> Iterator[Complaint]:
    for place, fact in _each(sheet):
        strangers = [name for name in fact.segments if name not in known]
        for name in strangers:
            yield Complaint((*place, "segments"), _unknown("segment", name, known))
        if strangers:
            continue
        vocabulary = frozenset.intersection(*(phases[name] for name in fact.segments))
        yield from _vocabulary(place, fact, vocabulary)
    for place, spans in _spans(sheet):
        yield from _day(place, spans)
    yield from _hours_or_phases(sheet)
    yield from _dates(sheet, known)


def _each(sheet: Sheet) -> Iterator[tuple[Place, Fact]]:
    for kind in LISTS:
        for index, fact in enumerate(getattr(sheet, kind, ())):
            yield (kind, index), fact


def _spans(sheet: Sheet) -> Iterator[tuple[Place, tuple[Span, ...]]]:
    for place, fact in _each(sheet):
        spans = getattr(fact, "phases", ())
        if spans:
            yield (*place, "phases"), spans


def _vocabulary(place: Place, fact: Fact, vocabulary: frozenset[str]) -> Iterator[Complaint]:
    for index, span in enumerate(getattr(fact, "phases", ())):
        if span.phase not in vocabulary:
            yield Complaint((*place, "phases", index, "phase"), _unknown("phase", span.phase, vocabulary))
    for name in getattr(fact, "closed", None) or ():
        if name not in vocabulary:
            yield Complaint((*place, "closed"), _unknown("phase", name, vocabulary))


def _day(place: Place, spans: tuple[Span, ...]) -> Iterator[Complaint]:
    """Within a day: each stretch ends after its start, in a known zone, and before the next begins."""
    for index, span in enumerate(spans):
        if span.ends[0] <= span.start:
            yield Complaint(
                (*place, index, "end"), f"{span.ends[0]} is not after the start {span.start}; swap them"
            )
        if isinstance(span.end, FollowedClose):
            yield from _zone((*place, index, "end", "zone"), span.end.zone)
    in_order = sorted(range(len(spans)), key=lambda index: spans[index].start)
    for before, after in pairwise(in_order):
        if spans[after].start < spans[before].ends[-1]:
            yield Complaint(
                (*place, after, "start"),
                f"{spans[after].phase} begins at {spans[after].start}, while {spans[before].phase} "
                f"lasts until {spans[before].ends[-1]}; let one end before the other begins",
            )


def _hours_or_phases(sheet: Sheet) -> Iterator[Complaint]:
    for index, special in enumerate(sheet.special):
        if (special.hours is None) == (not special.phases):
            yield Complaint(
                ("special", index), 'give either phases = [...] or hours = "ordinary" or "unknown"'
            )


def _dates(sheet: Sheet, known: Mapping[str, tuple[date, date]]) -> Iterator[Complaint]:
    """A day is said once for a segment, in each list, and lies within what the calendar covers."""
    said: dict[tuple[str, str, date], Place] = {}
    for place, segment, day in _dated(sheet):
        kind = str(place[0]) if isinstance(sheet, CalendarFile) else "overlay"
        first = said.setdefault((kind, segment, day), place)
        if first != place:
            yield Complaint(place, f"{day} is said twice for {segment}; keep one of them")
        since, through = known.get(segment, (day, day))
        if not since <= day <= through:
            yield Complaint(
                place,
                f"{day} is outside of {since} to {through}, which {segment} covers; "
                "correct the date, or say how far the calendar goes",
            )


def _dated(sheet: Sheet) -> Iterator[tuple[Place, str, date]]:
    for place, fact in _each(sheet):
        for segment in fact.segments:
            for index, day in enumerate(getattr(fact, "days", ())):
                yield (*place, "days", index, "date"), segment, day.date
    for index, special in enumerate(sheet.special):
        for segment in special.segments:
            yield ("special", index, "date"), segment, special.date


def _regimes(sheet: Sheet, whole: Mapping[str, tuple[date, date]]) -> Iterator[Complaint]:
    """At most one set of hours a day; for the segments in `whole`, exactly one from first to last day."""
    for index, hours in enumerate(sheet.hours):
        if hours.since and hours.until and hours.until < hours.since:
            yield Complaint(("hours", index, "until"), f"{hours.until} is before from; swap them")
    for segment in {name: None for hours in sheet.hours for name in hours.segments} | dict.fromkeys(whole):
        own = sorted(
            ((index, hours) for index, hours in enumerate(sheet.hours) if segment in hours.segments),
            key=lambda item: item[1].since or date.min,
        )
        yield from _one_a_day(segment, own)
        if segment in whole:
            yield from _no_gap(segment, [hours for _, hours in own], *whole[segment])


def _one_a_day(segment: str, own: list[tuple[int, Hours]]) -> Iterator[Complaint]:
    for (_, before), (index, after) in pairwise(own):
        since = after.since or date.min
        if before.covers(since):
            yield Complaint(
                ("hours", index),
                f"two sets of hours for {segment} on {max(since, before.since or date.min)}; "
                "end the former with until",
            )


def _no_gap(segment: str, own: list[Hours], first: date, last: date) -> Iterator[Complaint]:
    edges = {first, *(hours.until + timedelta(days=1) for hours in own if hours.until)}
    for day in sorted(edges):
        if first <= day <= last and not any(hours.covers(day) for hours in own):
            yield Complaint(("segments", segment), f"no hours from {day} on; add [[hours]] for it")
            return


def _ordinary_days(sheet: OverlayFile, segments: Mapping[str, Segment]) -> Iterator[Complaint]:
    for index, fact in enumerate(sheet.ordinary):
        for number, day in enumerate(fact.days):
            resting = [n for n in fact.segments if n in segments and segments[n].is_weekend(day.date)]
            if resting:
                yield Complaint(
                    ("ordinary", index, "days", number, "date"),
                    f"{day.date} is a {WEEKDAYS[day.date.weekday()]}; "
                    'say [[special]] with hours = "ordinary" for a session on a weekend',
                )


def _zone(place: Place, name: str) -> Iterator[Complaint]:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        yield Complaint(place, f'"{name}" is no time zone; expected a name such as "Asia/Kolkata"')


def _unknown(what: str, name: str, known: Iterable[str] | Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    remedy = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(sorted(known))}"
    return f'unknown {what} "{name}"; {remedy}'
