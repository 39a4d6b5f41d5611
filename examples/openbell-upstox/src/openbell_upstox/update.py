"""What one frame of the feed says, be it protobuf or JSON: its kind, and when each instrument last traded.

The field numbers are those of Upstox's MarketDataFeedV3.proto; the names in JSON are protobuf's own
mapping of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import wire

TYPE, FEEDS = 1, 2
KEY, VALUE = 1, 2
PLAIN, FULL, GREEKS = 1, 2, 3
MARKET, INDEX = 1, 2
LTPC = 1
LTT = 2


class Kind(StrEnum):
    """A snapshot is what was known before, so that it proves nothing."""

    SNAPSHOT = "initial_feed"
    LIVE = "live_feed"
    MARKET = "market_info"


KINDS = (Kind.SNAPSHOT, Kind.LIVE, Kind.MARKET)


@dataclass(frozen=True, slots=True)
class Update:
    """One frame. `traded_ms` has the last trade of each instrument, in ms since the epoch; 0 if unknown."""

    kind: Kind
    traded_ms: Mapping[str, int]

    @property
    def newest_ms(self) -> int:
        return max(self.traded_ms.values(), default=0)


def read(frame: bytes | str) -> Update | None:
    """The update in a frame; `None` if it is none of Upstox's."""
    try:
        if isinstance(frame, str) or frame[:1] == b"{":
            return _read_json(json.loads(frame))
        return _read_protobuf(frame)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read_protobuf(frame: bytes) -> Update | None:
    number, traded = 0, {}
    for field, value in wire.fields(frame):
        if field == TYPE and isinstance(value, int):
            number = value
        elif field == FEEDS and isinstance(value, bytes):
            entry = wire.last(value)
            traded[wire.inner(entry, KEY).decode()] = _traded(wire.inner(entry, VALUE))
    return Update(KINDS[number], traded) if frame and number < len(KINDS) else None


def _traded(feed: bytes) -> int:
    """The last trade: as such, or in a full feed of an instrument or an index, or beside greeks."""
    held = wire.last(feed)
    ltpc = wire.inner(held, PLAIN)
    if not ltpc:
        full = wire.last(wire.inner(held, FULL))
        outer = wire.inner(full, MARKET) or wire.inner(full, INDEX) or wire.inner(held, GREEKS)
        ltpc = wire.inner(wire.last(outer), LTPC)
    return wire.integer(wire.last(ltpc), LTT)


def _read_json(said: Mapping[str, Any]) -> Update:
    feeds = said.get("feeds", {})
    traded = {key: max(_trades(feed), default=0) for key, feed in feeds.items()}
    return Update(Kind(said.get("type", Kind.SNAPSHOT)), traded)


def _trades(feed: Mapping[str, Any]) -> Iterator[int]:
    """The times of the last trade, wherever they are; in JSON a 64-bit integer is a text."""
    for name, value in feed.items():
        if name == "ltpc":
            yield int(value.get("ltt", 0))
        elif isinstance(value, dict):
            yield from _trades(value)
