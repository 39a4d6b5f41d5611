"""The writer: one thread that commits entries to the journal's file, whatever becomes of the file."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from agent.errors import StoreError
from agent.store import awake, files, folding
from agent.store.entry import Entry
from agent.store.journal_file import JournalFile
from agent.store.packing import Packer
from agent.store.sheet import Sheet, commit, defer, sheet_of
from agent.store.troubles import FAULTS, WEATHER, explain, is_damage
from agent.store.upkeep import Upkeep

log = logging.getLogger(__name__)

_STOP = None

PAUSE_S = 0.02
"""Between two steps of a sweep, which is in no hurry; an entry ends it at once."""


class Writer:
    """Group commit; what the disk has missed is kept in memory, and goes first when it works again."""

    def __init__(
        self, file: JournalFile, *, run: str | None = None, packed: Callable[[], None] = lambda: None
    ) -> None:
        """With a `run`, what is committed is to be shipped too; `packed` hears of it on the loop."""
        self._file = file
        self._packer = Packer(run, file.next_shipment) if run is not None else None
        self._packed = packed
        self._has_packed = False
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._backlog = Sheet()
        self._upkeep = Upkeep(file)
        self.size_bytes = 0
        """Of the file, when it was last written."""
        self._stretch: awake.Stretch | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- called from the event loop ------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; needs the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        threading.Thread(target=self._examine, name="journal-check", daemon=True).start()

    @property
    def is_running(self) -> bool:
        return self._thread is not None

    def put(self, entry: Entry) -> None:
        self._queue.put(entry)

    def suspect(self) -> None:
        """A reader has met a page that makes no sense: look, and begin a new file if it is so."""
        self._file.is_suspect = True
        self._queue.put(Entry())

    async def close(self) -> None:
        """Write what is waiting, and end the thread."""
        if self._thread is not None:
            self._queue.put(_STOP)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            entries = self._take()
            self._write([entry for entry in entries if entry is not None])
            if entries[-1] is _STOP:
                self._end()
                return

    def _take(self) -> list[Entry | None]:
        """All that is waiting, at least one; what has gathered goes into one commit."""
        entries = [self._wait()]
        while entries[-1] is not _STOP:
            try:
                entries.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return entries

    def _wait(self) -> Entry | None:
        """The next entry; while there is none, the file is swept."""
        while self._upkeep.is_under_way:
            has_cost = self._upkeep.step()
            with suppress(queue.Empty):
                return self._queue.get(timeout=PAUSE_S) if has_cost else self._queue.get_nowait()
        return self._queue.get()

    def _write(self, entries: Sequence[Entry]) -> None:
        """Entries in one commit; where one of them cannot be written on any disk, each in its own."""
        sheet, parts = Sheet(), []
        try:
            for entry in entries:
                part = self._sheet_of(entry)
                parts.append((entry, part))
                sheet.lay_on(part)
            if self._packer is not None:
                sheet.lay_on(self._packer.pack(parts))
            error = self._save(sheet)
        except FAULTS as fault:
            if len(entries) > 1:
                for entry in entries:
                    self._write([entry])
                return
            error = StoreError(explain(self._file.path, fault))
        if error is None and self._packer is not None and self._packer.epoch and self._file.has_lost:
            self._file.has_lost = False
            self._save(self._packer.pack_whole(self._file.standing))
        with suppress(OSError):
            self.size_bytes = files.size(self._file.path)
        self._tell(entries, error)
        for entry in entries:
            if entry.limits is not None:
                self._upkeep.begin(entry.limits)

    def _sheet_of(self, entry: Entry) -> Sheet:
        sheet = sheet_of(entry, self._file.next_number)
        for stretch in awake.follow(self._stretch, entry.instants):
            sheet.put("awake", stretch.since, stretch.row)
            self._stretch = stretch
        return sheet

    def _save(self, sheet: Sheet, *, again: bool = True) -> StoreError | None:
        """Write the backlog and the sheet; what the disk keeps off joins the backlog."""
        try:
            connection = self._file.ready()
            self._catch_up(connection)
            commit(connection, sheet)
        except StoreError as error:
            return self._missed(sheet, error)
        except FAULTS:
            raise
        except WEATHER as problem:
            self._file.let_go()
            if is_damage(problem) and again:
                self._file.is_suspect = True
                return self._save(sheet, again=False)
            return self._missed(sheet, StoreError(explain(self._file.path, problem)))
        self._remember(sheet)
        return None

    def _remember(self, written: Sheet) -> None:
        self._file.remember(written)
        self._has_packed |= bool(written.rows["shipment"])

    def _missed(self, sheet: Sheet, error: StoreError) -> StoreError:
        self._file.let_go()
        defer(self._backlog, sheet)
        folding.fold_in_memory(self._backlog)
        return error

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Write what was missed; a row that no disk would take is given up alone."""
        if not self._backlog:
            return
        try:
            commit(connection, self._backlog)
        except FAULTS:
            for single in self._backlog.singles():
                try:
                    commit(connection, single)
                except FAULTS as fault:
                    log.error("%s: a row is given up: %s", self._file.path, fault)  # noqa: TRY400
        self._remember(self._backlog)
        self._backlog = Sheet()

    def _tell(self, entries: Sequence[Entry], error: StoreError | None) -> None:
        loop = self._loop
        has_packed, self._has_packed = self._has_packed, False
        if has_packed and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._packed)
        for entry in entries:
            if entry.written is not None and loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(entry.written, error)

    def _end(self) -> None:
        if self._backlog:
            log.error("%s: what could not be written until the end is lost", self._file.path)
        self._file.let_go()

    def _examine(self) -> None:
        """The first look goes through the whole file, beside everything else."""
        with suppress(*WEATHER):
            if not self._file.is_sound():
                self.suspect()
