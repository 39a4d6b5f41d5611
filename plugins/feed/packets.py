"""Kite's binary frames: packets are counted by their lengths, and only canaries' timestamps are read.

A frame is a count and as many packets, each after its length, big-endian throughout
(https://kite.trade/docs/connect/v3/websocket/). Of a packet only the token at its start
matters here and, in full mode, the exchange timestamp.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

STAMP_AT = {184: 60, 32: 28}
"""Where the exchange timestamp lies in a packet of that length: full mode, and an index in full mode."""

_SHORTEST_PACKET = 8  # a token and a price
_LONGEST_ROW = 256  # so that a frame of ever changing lengths costs no more than its size
_BYTES = [bytes((byte,)) for byte in range(256)]
_HEAD = Struct(">HI")  # a packet's length and its token
_WORD = Struct(">I")


class MalformedFrameError(ValueError):
    """The frame's own lengths contradict each other."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """The tokens to look for, each with its bytes and the one of them that tells it best.

    The last byte of a token is its segment, which most share; the one before varies.
    """

    marks: tuple[tuple[int, bytes, int], ...]


def look_for(tokens: Iterable[int]) -> Canaries:
    """The canaries, prepared for `read_stamps`."""
    return Canaries(tuple((token >> 8 & 0xFF, _WORD.pack(token), token) for token in set(tokens)))


def read_stamps(frame: bytes, canaries: Canaries, stamps: dict[int, float]) -> int:
    """The number of packets in a frame; the canaries' timestamps are put into `stamps`.

    Packets of one length mostly come in a row: their headers and tokens are compared a column
    at a time, which costs a tenth of looking at each. Raises `MalformedFrameError`, and then
    has put nothing anywhere.
    """
    if len(frame) < 2:
        return 0
    count = frame[0] << 8 | frame[1]
    found: dict[int, float] = {}
    offset, left = 2, count
    while left:
        row = _find_row(frame, offset, left)
        if row.stride - 2 in STAMP_AT:
            _search(frame, row, canaries, found)
        offset, left = row.end, left - row.packets
    if offset != len(frame):
        raise MalformedFrameError("there are bytes after the last packet")
    stamps.update(found)
    return count


class _Row(NamedTuple):
    """Packets of one length, one after the other; the stride is that length and its header."""

    start: int
    stride: int
    packets: int
    end: int


def _find_row(frame: bytes, offset: int, left: int) -> _Row:
    """The packets from here on that have the same length.

    The first header says where the second is, and so on: as long as each repeats the length
    before it, a look at every stride's first two bytes finds nothing but headers.
    """
    if offset + 2 + _SHORTEST_PACKET > len(frame):
        raise MalformedFrameError("a packet is missing or too short")
    high, low = frame[offset], frame[offset + 1]
    stride = 2 + (high << 8 | low)
    if stride < 2 + _SHORTEST_PACKET:
        raise MalformedFrameError("a packet is too short")
    window = offset + min(left, _LONGEST_ROW) * stride
    highs, lows = frame[offset:window:stride], frame[offset + 1 : window : stride]
    count = min(_repeats(highs, high), _repeats(lows, low))
    end = offset + count * stride
    if end > len(frame):
        raise MalformedFrameError("the last packet is cut")
    return _Row(offset, stride, count, end)


def _repeats(column: bytes, byte: int) -> int:
    return len(column) - len(column.lstrip(_BYTES[byte]))


def _search(frame: bytes, row: _Row, canaries: Canaries, found: dict[int, float]) -> None:
    """Look for the canaries in a row; of one that comes twice, the last packet counts."""
    stride, at = row.stride, STAMP_AT[row.stride - 2]
    column = frame[row.start + 4 : row.end : stride]
    for mark, word, token in canaries.marks:
        place = column.find(mark)
        while place >= 0:
            start = row.start + 2 + place * stride
            if frame.startswith(word, start):
                found[token] = _WORD.unpack_from(frame, start + at)[0]
            place = column.find(mark, place + 1)


def tokens_of(frame: bytes) -> list[int]:
    """The tokens of a frame that `read_stamps` has found well-formed."""
    tokens = []
    offset = 2
    while offset < len(frame):
        length, token = _HEAD.unpack_from(frame, offset)
        tokens.append(token)
        offset += 2 + length
    return tokens
