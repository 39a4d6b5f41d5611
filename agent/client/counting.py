"""What a ticker's callbacks count: without locks, because they stand between a tick and its trade.

The reactor's thread writes, the reporter's thread reads: single names that are replaced whole.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

Tick = dict[str, Any]

_STATUS = re.compile(r"\((\d{3}) - ")
_LONGEST_WORDS = 120


class Counts:
    """One ticker's life so far; instants are monotonic seconds.

    `latest` has, by token, the last tick since the reporter looked. `opened` counts the
    connections, `failed` the attempts and connections that ended.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.packets = 0
        self.heard_at: float | None = None
        self.packet_at: float | None = None
        self.busy_since: float | None = None
        self.latest: dict[int, Tick] = {}
        self.opened = 0
        self.failed = 0
        self.status: int | None = None
        self.ending = ""

    def on_message(self, _ws: object, payload: bytes, is_binary: bool) -> None:
        """A frame came, a heartbeat perhaps."""
        self.frames += 1
        self.heard_at = now = time.monotonic()
        if is_binary and len(payload) > 4:
            self.packets += payload[0] << 8 | payload[1]
            self.packet_at = now

    def on_ticks(self, _ws: object, ticks: Sequence[Tick]) -> None:
        """Keep the last tick of each instrument; what it says is read by the other thread."""
        latest = self.latest
        for tick in ticks:
            latest[tick["instrument_token"]] = tick

    def on_connect(self, _ws: object, _response: object) -> None:
        self.heard_at = self.packet_at = None
        self.opened += 1

    def on_close(self, _ws: object, code: object, reason: object) -> None:
        """An attempt or a connection ended; the words are the ticker's, and hold no token."""
        found = _STATUS.search(str(reason))
        self.status = int(found[1]) if found else None
        self.ending = "".join(c for c in f"{reason} ({code})" if c.isprintable())[-_LONGEST_WORDS:]
        self.failed += 1

    def take_latest(self) -> dict[int, Tick]:
        """The ticks since the last look; one that comes in between may be left out."""
        taken, self.latest = self.latest, {}
        return taken.copy()


def follow(ticker: Any, counts: Counts, changed: Callable[[], None]) -> None:
    """Count what the ticker's callbacks are told, before they are; repeat it to follow new callbacks.

    A callback that the script has not set is set where it costs nothing: `on_ticks` is left
    alone, because the ticker parses for it.
    """
    _put_before(ticker, "on_message", counts.on_message)
    _put_before(ticker, "on_connect", counts.on_connect, changed)
    _put_before(ticker, "on_close", counts.on_close, changed)
    if ticker.on_ticks is not None and not hasattr(ticker.on_ticks, "counts"):
        ticker.on_ticks = _timed(counts, ticker.on_ticks)


def _put_before(
    ticker: Any, name: str, count: Callable[..., None], changed: Callable[[], None] | None = None
) -> None:
    theirs = getattr(ticker, name)
    if hasattr(theirs, "counts"):
        return

    def both(*arguments: Any) -> Any:
        count(*arguments)
        if changed is not None:
            changed()
        return theirs(*arguments) if theirs is not None else None

    both.counts = True  # type: ignore[attr-defined]
    setattr(ticker, name, both)


def _timed(counts: Counts, theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Count, and note since when the script's own callback has the reactor's thread for itself."""
    count, monotonic = counts.on_ticks, time.monotonic

    def both(ws: object, ticks: Sequence[Tick]) -> Any:
        count(ws, ticks)
        counts.busy_since = monotonic()
        try:
            return theirs(ws, ticks)
        finally:
            counts.busy_since = None

    both.counts = True  # type: ignore[attr-defined]
    return both
