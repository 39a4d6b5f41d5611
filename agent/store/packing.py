"""Packs what is committed into shipments, in the writer's thread: one a commit, or one for each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from agent.store.entry import Entry
from agent.store.sheet import Sheet
from agent.store.shipments import TABLES, pack

AWAKE_EVERY = timedelta(seconds=15)
"""That the agent runs is shipped with what else happens, and alone so often: before a reader sees a gap."""


class Packer:
    """Makes one run's shipments; `number` gives the next one's."""

    def __init__(self, run: str, number: Callable[[], int]) -> None:
        self.epoch = 0
        """Of the latest entry."""
        self._run = run
        self._number = number
        self._awake: tuple[datetime, datetime] | None = None

    def pack(self, parts: Iterable[tuple[Entry, Sheet]]) -> Sheet:
        """The shipments of a commit, in a sheet, from its entries and their rows."""
        by_epoch: dict[int, Sheet] = {}
        for entry, part in parts:
            self.epoch = entry.epoch if entry.epoch is not None else self.epoch
            if not entry.inherited:
                by_epoch.setdefault(self.epoch, Sheet()).lay_on(part)
        packed = Sheet()
        for epoch, sheet in by_epoch.items():
            if self._is_news(sheet):
                self._put(packed, epoch, sheet)
        return packed

    def pack_whole(self, standing: Sheet) -> Sheet:
        """A shipment, in a sheet, of all that is known, once more: those that told of it may be lost."""
        packed = Sheet()
        self._put(packed, self.epoch, standing)
        return packed

    def _put(self, packed: Sheet, epoch: int, sheet: Sheet) -> None:
        body = pack(sheet)
        if body is not None:
            row = (self._run, self._number(), epoch, body)
            packed.put("shipment", row[:2], row)

    def _is_news(self, sheet: Sheet) -> bool:
        """Whether it says more than that the agent runs, or that was not said for a while."""
        spans = [_span(row) for row in sheet.rows["awake"].values()]
        is_more = any(sheet.rows[table] for table in TABLES if table != "awake")
        if not spans or not (is_more or self._is_due(spans[-1])):
            return is_more
        self._awake = spans[-1]
        return True

    def _is_due(self, span: tuple[datetime, datetime]) -> bool:
        told = self._awake
        return told is None or told[0] != span[0] or abs(span[1] - told[1]) >= AWAKE_EVERY


def _span(row: tuple[object, ...]) -> tuple[datetime, datetime]:
    since, until = (datetime.fromisoformat(str(at)) for at in row)
    return since, until
