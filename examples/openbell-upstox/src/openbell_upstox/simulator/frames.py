"""The stream's frames, as protobuf and as JSON; written apart from the plugin's reader, to check it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

TYPES = ("initial_feed", "live_feed", "market_info")


def protobuf(kind: str, traded_ms: Mapping[str, int], now_ms: int) -> bytes:
    """A `FeedResponse` of Upstox's MarketDataFeedV3.proto."""
    feeds = b"".join(
        _bytes(2, _bytes(1, key.encode()) + _bytes(2, _feed(ms))) for key, ms in traded_ms.items()
    )
    market = _bytes(4, _bytes(1, _bytes(1, b"NSE_INDEX") + _integer(2, 2))) if kind == "market_info" else b""
    return _integer(1, TYPES.index(kind)) + feeds + _integer(3, now_ms) + market


def in_json(kind: str, traded_ms: Mapping[str, int], now_ms: int) -> str:
    """The same in protobuf's own mapping to JSON, where a 64-bit integer is a text."""
    feeds = {key: {"ltpc": {"ltp": 100.5, "ltt": str(ms), "cp": 99.5}} for key, ms in traded_ms.items()}
    return json.dumps({"type": kind, "feeds": feeds, "currentTs": str(now_ms)})


def _feed(ms: int) -> bytes:
    return _bytes(1, _double(1, 100.5) + _integer(2, ms) + _double(4, 99.5))


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])
