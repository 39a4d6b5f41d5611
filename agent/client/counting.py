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

    __slots__ = (
        "busy_since",
        "ending",
        "failed",
        "frames",
        "heard_at",
        "latest",
        "opened",
        "packets",
        "status",
    )

    def __init__(self) -> None:
        self.frames = 0
        self.packets = 0
        self.heard_at: float | None = None
        self.busy_since: float | None = None
        self.latest: dict[int, Tick] = {}
        self.opened = 0
        self.failed = 0
        self.status: int | None = None
        self.ending = ""

    def on_connect(self, _ws: object, _response: object) -> None:
        self.heard_at = None
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

    def connected(*arguments: object) -> None:
        counts.on_connect(*arguments)
        changed()

    def closed(*arguments: object) -> None:
        counts.on_close(*arguments)
        changed()

    _put(ticker, "on_message", lambda theirs: _messages(ticker, counts, theirs))
    _put(ticker, "on_connect", lambda theirs: _both(connected, theirs))
    _put(ticker, "on_close", lambda theirs: _both(closed, theirs))
    if ticker.on_ticks is not None:
        _put(ticker, "on_ticks", lambda theirs: _ticks(counts, theirs))


def _put(ticker: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    theirs = getattr(ticker, name)
    if not hasattr(theirs, "counts"):
        ours = wrap(theirs)
        ours.counts = True
        setattr(ticker, name, ours)


def _both(first: Callable[..., None], theirs: Callable[..., Any] | None) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        first(*arguments)
        return theirs(*arguments) if theirs is not None else None

    return both


def _messages(ticker: Any, counts: Counts, theirs: Callable[..., Any] | None) -> Callable[..., Any]:
    """Stamp and count a frame, a heartbeat perhaps; its packets only if nobody has them parsed."""
    monotonic = time.monotonic

    def count(ws: object, payload: bytes, is_binary: bool) -> None:
        counts.frames += 1
        counts.heard_at = monotonic()
        if ticker.on_ticks is None and is_binary and len(payload) > 4:
            counts.packets += payload[0] << 8 | payload[1]

    return count if theirs is None else _both(count, theirs)


def _ticks(counts: Counts, theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Keep each instrument's last tick, and since when the script has the reactor's thread for itself."""

    def both(ws: object, ticks: Sequence[Tick]) -> Any:
        counts.packets += len(ticks)
        latest = counts.latest
        for tick in ticks:
            latest[tick["instrument_token"]] = tick
        counts.busy_since = counts.heard_at
        try:
            return theirs(ws, ticks)
        finally:
            counts.busy_since = None

    return both
