"""The words of a recovery: what is over, after how long, and how long each machine took to come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.settings import format_duration


@dataclass(frozen=True, slots=True)
class Standing:
    """A machine's state, and since when it is in it."""

    machine: str
    state: str
    since: datetime
    group: str | None = None


def words(
    code: str, opened_at: datetime, standings: Sequence[Standing], message: str, *, now: datetime
) -> str:
    """`AUTH_REQUIRED is over after 3h5m: auth VALID, feed CONNECTED 1.8 s later. The market is open`."""
    lasted = _lasted(opened_at, now)
    back = sorted((s for s in standings if s.since >= opened_at), key=lambda s: s.since)
    steps = [_step(standing, back[0].since) for standing in back]
    way = f": {', '.join(steps)}" if steps else ""
    return f"{code} is over after {lasted}{way}. {message}".rstrip()


def unwatched(code: str, opened_at: datetime, lacks: str, message: str, *, now: datetime) -> str:
    """`THING_ILL is not watched any more, after 5m: the configuration has no machine thing. The market …`."""
    why = f"the configuration has {lacks}"
    return f"{code} is not watched any more, after {_lasted(opened_at, now)}: {why}. {message}".rstrip()


def _lasted(opened_at: datetime, now: datetime) -> str:
    return format_duration(timedelta(seconds=round((now - opened_at).total_seconds())))


def _step(standing: Standing, began: datetime) -> str:
    taken = standing.since - began
    later = f" {_span(taken)} later" if taken else ""
    return f"{standing.machine} {standing.state}{later}"


def _span(taken: timedelta) -> str:
    """What a person wants to know of it: `40 ms`, `1.8 s`, `3m5s`."""
    seconds = taken.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(timedelta(seconds=round(seconds)))
