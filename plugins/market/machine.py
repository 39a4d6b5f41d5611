"""The state machine `market`: tells the session's state at every boundary, the instant it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from agent.api import ConfigError, Context, Report, Session
from plugins.market.answer import about, attributes, days_left
from plugins.market.calendar import Calendar
from plugins.market.compare import disagreements
from plugins.market.foreign import check_foreign
from plugins.market.library import load_calendar, shipped_segments
from plugins.market.settings import MarketSettings
from plugins.market.wording import describe

LOOK_AGAIN = timedelta(seconds=60)
"""The longest sleep, so that a step of the wall clock is noticed."""

LOOK_AT_OVERLAY = timedelta(seconds=2)
"""As above where there is an overlay, whose change is to be seen soon."""

LOOK_AHEAD = timedelta(days=7)
"""How far ahead another calendar is laid beside ours."""

REPEAT = timedelta(minutes=5)
GRACE = timedelta(seconds=60)
"""A report is believed until the next change, or the next repeat, and this much longer."""

Stamp = tuple[int, int] | None


class MarketMachine:
    """Answers from the calendar, which is a file; knows no network and no other machine."""

    def __init__(self, settings: MarketSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._overlay = context.surroundings.folder / settings.overlay if settings.overlay else None
        self._calendar: Calendar | None = None
        self._compare_with = settings.compare_with
        self._other: Calendar | None = None
        self._overlay_read: Stamp = None
        self._overlay_error = ""
        self._loading = asyncio.Lock()
        self._load_ours()

    def _load_ours(self) -> None:
        """Read our own files now, so that an error in them stops the start; pandas can wait."""
        ours = shipped_segments()
        if self._settings.segment in ours or self._overlay is not None:
            self._overlay_read = _stamp(self._overlay)
            self._calendar = load_calendar(self._settings.segment, self._overlay)
        else:
            check_foreign(self._settings.segment, tuple(ours))
        if self._compare_with is not None:
            check_foreign(self._compare_with, tuple(ours))

    async def probe(self) -> Report:
        """The market at this instant."""
        return self._report(await self._current(), self._context.clock.now())

    async def sessions(self, since: datetime, until: datetime) -> Sequence[Session]:
        """The sessions of the calendar, each on the exchange's own day."""
        calendar = await self._current()
        live = calendar.live_between(since, until)
        return [Session(calendar.day_of(opens), opens, closes) for opens, closes in live]

    async def run(self) -> None:
        """Report at each boundary, on each change of the overlay, and every few minutes anyhow."""
        clock = self._context.clock
        told: Report | None = None
        while True:
            report = await self.probe()
            if told is None or _is_news(told, report):
                self._context.report(report)
                told = report
            if self._compare_with is not None and self._other is None:
                await self._load_other(self._compare_with)
                continue
            await clock.sleep(self._pause(clock.now(), report.next_change_at))

    def _pause(self, now: datetime, change: datetime | None) -> float:
        longest = LOOK_AT_OVERLAY if self._overlay else LOOK_AGAIN
        wait = min(longest, change - now) if change else longest
        return max(wait.total_seconds(), 0.001)

    async def _current(self) -> Calendar:
        async with self._loading:
            return await self._loaded()

    async def _loaded(self) -> Calendar:
        """The calendar, loaded first or anew where that is due; a bad overlay keeps the last good."""
        overlay = self._overlay
        stamp = _stamp(overlay)
        if self._calendar is not None and stamp == self._overlay_read:
            return self._calendar
        self._overlay_read = stamp
        try:
            self._calendar = await self._context.in_thread(load_calendar, self._settings.segment, overlay)
            if overlay is not None:
                self._context.log.info("overlay %s read anew", overlay)
            self._overlay_error = ""
        except ConfigError as error:
            if self._calendar is None:
                raise
            self._overlay_error = str(error)
            self._context.log.warning("overlay not used, the last good one stays: %s", error)
        return self._calendar

    async def _load_other(self, code: str) -> None:
        """A second opinion, after the first report: it may take seconds, and may be missing."""
        try:
            self._other = await self._context.in_thread(load_calendar, code)
        except ConfigError as error:
            self._compare_with = None
            self._context.log.warning("compare_with is not used: %s", error)

    def _report(self, calendar: Calendar, now: datetime) -> Report:
        phase, change = calendar.phase_at(now), calendar.next_change(now)
        return Report(
            state=phase.state,
            reason=phase.reason,
            observed_at=now,
            message=self._message(calendar, now),
            valid_for=min(REPEAT, change - now if change else REPEAT) + GRACE,
            next_change_at=change,
            attributes={
                "segment": calendar.about.segment,
                **attributes(calendar, now),
                "calendar": {**about(calendar, now), **self._notices(calendar, now)},
            },
            measures={
                "calendar_left_days": float(days_left(calendar, now)),
                "calendar_doubts": float(len(self._disagreements(calendar, now)) + bool(self._overlay_error)),
            },
        )

    def _message(self, calendar: Calendar, now: datetime) -> str:
        overlay = ["the overlay has errors and is not used"] if self._overlay_error else []
        return "; ".join([describe(calendar, now), *overlay, *self._disagreements(calendar, now)])

    def _disagreements(self, calendar: Calendar, now: datetime) -> list[str]:
        """The coming days that the other calendar, if any, has otherwise."""
        if self._other is None:
            return []
        today = calendar.day_of(now)
        return [str(found) for found in disagreements(calendar, self._other, today, today + LOOK_AHEAD)]

    def _notices(self, calendar: Calendar, now: datetime) -> dict[str, object]:
        """Whether the calendar is about to run out, how the overlay stands, and who disagrees."""
        left = timedelta(days=days_left(calendar, now))
        overlay = self._overlay
        return {
            "ends_soon": left <= self._settings.warn_before,
            "overlay": str(overlay) if overlay else None,
            "overlay_error": self._overlay_error or None,
            "disagreements": self._disagreements(calendar, now),
        }


def _is_news(told: Report, report: Report) -> bool:
    """Whether the report says another thing than the one told last, or that one grows old."""
    said = (told.state, told.reason, told.message, told.next_change_at, told.attributes)
    says = (report.state, report.reason, report.message, report.next_change_at, report.attributes)
    age = report.observed_at - told.observed_at
    return said != says or not timedelta(0) <= age < REPEAT


def _stamp(path: Path | None) -> Stamp:
    """What changes when the file does; `None` where there is none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
