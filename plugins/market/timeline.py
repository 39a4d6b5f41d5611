"""Lays days end to end: from what is planned for each day to one unbroken line of phases."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from plugins.market.phases import Phase, Reason, State

BEGINNING = -(2**62)
"""Earlier than any instant, in seconds from the epoch."""

Span = tuple[int, int, Phase]
"""Start, end (not included), in seconds from the epoch, and what holds between them."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One day of the exchange: the spans it has hours for, in order, and what holds outside of them.

    `rest` is said of a day on which nothing opens; any other day is, outside of its spans,
    before its hours, after them, or in a break. `occasion` names a special session.
    """

    spans: tuple[Span, ...]
    rest: Phase
    occasion: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each phase begins; the first begins before all time, the last never ends."""

    starts: array[int]
    kinds: array[int]
    phases: tuple[Phase, ...]


def lay(days: Iterable[tuple[date, DayPlan]], zone: tzinfo, before: Phase, after: Phase) -> Timeline:
    """The line through consecutive days, with what holds before the first and after the last."""
    starts, kinds, numbers = array("q", [BEGINNING]), array("H", [0]), {before: 0}
    end = BEGINNING
    for day, plan in days:
        end = midnight(day + timedelta(days=1), zone)
        for start, _, phase in whole_day(plan, midnight(day, zone), end):
            _append(starts, kinds, numbers, start, phase)
    _append(starts, kinds, numbers, end, after)
    return Timeline(starts, kinds, tuple(numbers))


def _append(
    starts: array[int], kinds: array[int], numbers: dict[Phase, int], start: int, phase: Phase
) -> None:
    number = numbers.setdefault(phase, len(numbers))
    if number != kinds[-1]:
        starts.append(start)
        kinds.append(number)


def whole_day(plan: DayPlan, start: int, end: int) -> Iterator[Span]:
    """The day's spans, and between them what holds there, so that no second is left out."""
    open_spans = [(s, e) for s, e, phase in plan.spans if phase.is_open]
    at = start
    for span_start, span_end, phase in plan.spans:
        if at < span_start:
            yield at, span_start, _between(plan, at, open_spans)
        yield span_start, span_end, _placed(phase, span_start, open_spans)
        at = span_end
    if at < end:
        yield at, end, _between(plan, at, open_spans)


def _between(plan: DayPlan, at: int, open_spans: list[tuple[int, int]]) -> Phase:
    if not open_spans:
        return plan.rest
    return Phase(State.CLOSED, _closed(at, open_spans), occasion=plan.occasion)


def _placed(phase: Phase, at: int, open_spans: list[tuple[int, int]]) -> Phase:
    """A phase of the exchange's that is closed all the same is so for its place in the day."""
    if phase.state is not State.CLOSED or phase.reason is Reason.HOLIDAY or not open_spans:
        return phase
    return replace(phase, reason=_closed(at, open_spans))


def _closed(at: int, open_spans: list[tuple[int, int]]) -> Reason:
    if at < open_spans[0][0]:
        return Reason.BEFORE_HOURS
    return Reason.AFTER_HOURS if at >= open_spans[-1][1] else Reason.BREAK


def midnight(day: date, zone: tzinfo) -> int:
    """The second at which a day begins there."""
    return second(day, time(), zone)


def second(day: date, at: time, zone: tzinfo) -> int:
    """The second of a day at which the clocks there show `at`; of two, the first."""
    return int(datetime.combine(day, at, zone).timestamp())


def days_from(first: date, last: date, plan: Callable[[date], DayPlan]) -> Iterator[tuple[date, DayPlan]]:
    """The plans of all days from `first` through `last`."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        yield day, plan(day)
