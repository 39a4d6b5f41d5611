"""The fleet as this agent sees it: read each second while somebody looks or it is ours to watch."""

from __future__ import annotations

import asyncio
import gzip
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from agent.clock import Clock
from agent.errors import StoreError
from agent.fleet.changes import FleetStep, is_news, step
from agent.fleet.document import FleetDocument
from agent.fleet.entries import Words
from agent.fleet.lost import Watch, lost_of
from agent.fleet.rows import WATCH, AgentRow, BeatRow, FleetRows, is_gone, laid_on
from agent.fleet.view import view
from agent.watched import Watched

log = logging.getLogger(__name__)

EVERY_S = 1.0
LEAST_PAUSE_S = 0.2
"""Between two readings, however much news there is."""
LOOKED_AT_FOR_S = 5.0
"""After a question the rows are kept fresh for so long, in case of another."""
FRESH_FOR_S = 1.5
BORNE_FOR_S = 3.0
"""One that is older than fresh is given while the next one is made: on a busy machine that takes a while."""
STALE_AFTER_S = 5.0
"""Without the store for so long, nothing is known of the others."""

AT_ONCE = 100
"""The document of more agents is made in a thread, and its bytes: it takes some milliseconds."""

LEVEL = 1
"""Of compression: a document of a thousand agents is a twentieth of its length, in 2 ms."""

Read = Callable[[datetime | None], Awaitable[FleetRows]]
"""Reads the rows, of agents those that changed since an instant. Raises `StoreError`."""


class Edition:
    """One document as it is sent: the bytes are made when somebody wants them, and once."""

    def __init__(self, document: FleetDocument, mark: str, former: FleetDocument | None = None) -> None:
        """`former` is the document of the revision before."""
        self.document = document
        self._mark = mark
        self._former = former
        self._body: bytes | None = None
        self._zipped: bytes | None = None
        self._step: bytes | None = None

    @property
    def etag(self) -> str:
        """Of the content: ages move all the time, and are no reason to send it all again.

        The mark is the run's: the next one begins to count anew.
        """
        return f'W/"{self._mark}-{self.document.revision}"'

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = self.document.model_dump_json(by_alias=True).encode()
        return self._body

    @property
    def zipped(self) -> bytes:
        """The body, compressed."""
        if self._zipped is None:
            self._zipped = gzip.compress(self.body, LEVEL, mtime=0)
        return self._zipped

    @property
    def is_packed(self) -> bool:
        return self._zipped is not None

    def pack(self) -> None:
        """Have all bytes at hand; this takes a while, and may be done in a thread."""
        assert self.zipped  # noqa: S101 - it is kept

    @property
    def step(self) -> bytes | None:
        """What is new since the revision before; `None` for the first one."""
        if self._step is None and self._former is not None:
            made: FleetStep = step(self._former, self.document)
            self._step = made.model_dump_json(by_alias=True).encode()
        return self._step


class FleetView:
    """Keeps the rows in memory and publishes the document that follows from them.

    `me` is this agent's name and `own` its row as it stands, which it knows without the store.
    `watches` is whether this agent has the lease of the fleet. `revised` and `renewed` are what
    event streams wait for.
    """

    def __init__(
        self,
        read: Read,
        *,
        clock: Clock,
        me: str,
        own: Callable[[], AgentRow | None] = lambda: None,
        watches: Callable[[], bool] = lambda: False,
    ) -> None:
        self._read = read
        self._clock = clock
        self._me = me
        self._own = own
        self._watches = watches
        self._words = Words()
        self._rows: FleetRows | None = None
        self._read_at = 0.0
        self._back_at: datetime | None = None
        self._asked_at = -inf
        self._tried_at = -inf
        self._published_at = -inf
        self._is_published = False
        self._error: StoreError | None = None
        self._stale_since: datetime | None = None
        self._reading = asyncio.Lock()
        self._packing = asyncio.Lock()
        self._begun = asyncio.Event()
        self._news = asyncio.Event()
        self._mark = secrets.token_hex(4)
        self._before: FleetDocument | None = None
        self.readers: Callable[[], int] = lambda: 0
        """How many event streams are open."""
        self.latest: Edition | None = None
        self.revised: Watched[int] = Watched(0)
        self.renewed: Watched[datetime | None] = Watched(None)

    async def run(self) -> None:
        """Keep the document fresh for as long as somebody looks; for ever."""
        while True:
            self._begun.clear()
            if self._is_looked_at():
                self._news.clear()
                await self.refresh(publishes=self._has_readers())
                await self._rest()
            else:
                await self._begun.wait()

    def wake(self) -> None:
        """There is news, or this agent has become the one that watches."""
        self._begun.set()
        self._news.set()

    async def present(self) -> Edition:
        """The document as it is now, its bytes at hand; to ask for it is to look.

        One that is fresh is given at once, also while the next one is made.
        """
        self._asked_at = self._clock.monotonic()
        self._begun.set()
        age_s = self._clock.monotonic() - self._published_at
        if self.latest is None or age_s > (BORNE_FOR_S if self._reading.locked() else FRESH_FOR_S):
            await self._be_fresh()
        assert self.latest is not None  # noqa: S101 - that was published
        edition = self.latest
        await self._pack(edition)
        return edition

    async def _be_fresh(self) -> None:
        is_old = self._clock.monotonic() - self._tried_at > FRESH_FOR_S
        await self.refresh(reads=self.latest is None or (is_old and self._error is None))

    async def _pack(self, edition: Edition) -> None:
        async with self._packing:
            if not edition.is_packed and len(edition.document.agents) > AT_ONCE:
                await asyncio.to_thread(edition.pack)

    async def refresh(self, *, reads: bool = True, publishes: bool = True) -> None:
        """Read and publish. Whoever comes while another reads gets what that one has read.

        What nobody looks at is not published: the one that watches needs the rows alone.
        """
        asked_at = self._clock.monotonic()
        async with self._reading:
            if reads and self._tried_at <= asked_at:
                await self._take_in()
                self._tried_at = self._clock.monotonic()
                self._is_published = False
            if publishes and not self._is_published:
                await self._publish()
                self._is_published = True

    def watch(self) -> Watch:
        """What this agent can tell of the others: for the machine `fleet`."""
        rows, now = self._rows, self._clock.monotonic()
        failing = self._error if now - self._read_at > STALE_AFTER_S else None
        holder = next((one.agent for one in rows.leases if one.resource == WATCH), None) if rows else None
        if rows is None or not self._watches():
            return Watch(watcher=holder, store_error=str(failing) if failing else None)
        return Watch(
            watcher=self._me,
            is_ours=True,
            lost=lost_of(self._known()[0]),
            known=sum(not is_gone(one, rows.at) for one in rows.agents.values()),
            store_error=str(failing) if failing else None,
        )

    # -- reading ---------------------------------------------------------------------------------

    def _is_looked_at(self) -> bool:
        return self._has_readers() or self._watches() or self._error is not None

    def _has_readers(self) -> bool:
        return self._is_asked_for() or self.readers() > 0

    def _is_asked_for(self) -> bool:
        return self._clock.monotonic() - self._asked_at < LOOKED_AT_FOR_S

    async def _rest(self) -> None:
        await self._clock.sleep(LEAST_PAUSE_S)
        try:
            async with self._clock.timeout(EVERY_S - LEAST_PAUSE_S):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _take_in(self) -> None:
        try:
            found = await self._read(self._rows.at if self._rows is not None else None)
        except StoreError as error:
            self._failed(error)
            return
        if self._error is not None:
            log.info("the fleet can be seen again")
            if self._stale_since is not None:
                self._back_at = found.at
        self._error, self._stale_since = None, None
        self._read_at = self._clock.monotonic()
        self._rows = laid_on(self._rows, found) if self._rows is not None else found

    def _failed(self, error: StoreError) -> None:
        if self._error is None:
            log.warning("the fleet cannot be seen: %s", error)
        self._error = error
        is_over = self._rows is None or self._clock.monotonic() - self._read_at > STALE_AFTER_S
        if is_over and self._stale_since is None:
            self._stale_since = self._rows.at if self._rows is not None else self._clock.now()

    # -- publishing ------------------------------------------------------------------------------

    async def _publish(self) -> None:
        former = self.latest.document if self.latest is not None else None
        known = self._known()
        if len(known[0].agents) > AT_ONCE:
            made = await asyncio.to_thread(self._made, known, former)
        else:
            made = self._made(known, former)
        if former is not None and made.revision != former.revision:
            self._before = former
        edition = Edition(made, self._mark, self._before)
        if self._is_asked_for():
            await self._pack(edition)
        self.latest = edition
        self._published_at = self._clock.monotonic()
        self.revised.set(made.revision)
        self.renewed.set(made.generated_at)

    def _known(self) -> tuple[FleetRows, datetime]:
        """The rows with what this agent knows of itself, and the instant of the database's clock now."""
        rows = self._rows or FleetRows(at=self._clock.now())
        passed = timedelta(seconds=self._clock.monotonic() - self._read_at) if self._rows else timedelta(0)
        since = [one for one in (rows.up_since, self._back_at) if one is not None]
        rows = replace(rows, up_since=max(since, default=None))
        own = self._own()
        if own is not None:
            beat = replace(rows.beats.get(own.name, BeatRow(seen_at=rows.at)), seen_at=rows.at + passed)
            rows = replace(
                rows,
                agents={**rows.agents, own.name: own},
                beats={**rows.beats, own.name: beat},
            )
        return rows, rows.at + passed

    def _made(self, known: tuple[FleetRows, datetime], former: FleetDocument | None) -> FleetDocument:
        rows, at = known
        made = view(rows, self._words, at=at, me=self._me, stale_since=self._stale_since)
        if former is None:
            return made.model_copy(update={"revision": 1})
        revision = former.revision + is_news(former, made)
        return made.model_copy(update={"revision": revision})
