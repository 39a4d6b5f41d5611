"""Kite's binary frames: packets are counted by their lengths, and only canaries' timestamps are read.

A frame is a count and as many packets, each after its length, big-endian throughout
(https://kite.trade/docs/connect/v3/websocket/). Of a packet only the token at its start
matters here and, in full mode, the exchange timestamp.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

STAMP_AT = {184: 60, 32: 28}
"""Where the exchange timestamp lies in a packet of that length: full mode, and an index in full mode."""

_SHORTEST_PACKET = 8  # a token and a price
_HEAD = Struct(">HI")  # a packet's length and its token
_WORD = Struct(">I")


class MalformedFrameError(ValueError):
    """The frame's own lengths contradict each other."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """The tokens to look for, each also by the byte that tells it best from the others.

    The last byte of a token is its segment, which most share; the one before varies.
    """

    tokens: frozenset[int]
    marks: tuple[tuple[int, bytes, int], ...]


def look_for(tokens: Iterable[int]) -> Canaries:
    """The canaries, prepared for `read_stamps`."""
    wanted = frozenset(tokens)
    marks = ((token >> 8 & 0xFF, _WORD.pack(token), token) for token in sorted(wanted))
    return Canaries(wanted, tuple(marks))


def read_stamps(frame: bytes, canaries: Canaries, stamps: dict[int, float]) -> int:
    """The number of packets in a frame; the canaries' timestamps are put into `stamps`.

    Most frames hold packets of one length only; their headers and tokens are then compared a
    column at a time, which costs a tenth of walking them. Raises `MalformedFrameError`.
    """
    if len(frame) < 2:
        return 0
    count = frame[0] << 8 | frame[1]
    if not count:
        return _end(frame, 2, 0)
    stride = 2 + (frame[2] << 8 | frame[3]) if len(frame) > 3 else 0
    if len(frame) != 2 + count * stride or stride < 2 + _SHORTEST_PACKET:
        return _walk(frame, count, canaries, stamps)
    if frame[2::stride].count(frame[2]) != count or frame[3::stride].count(frame[3]) != count:
        return _walk(frame, count, canaries, stamps)
    at = STAMP_AT.get(stride - 2)
    if at is not None:
        _search(frame, stride, at, canaries, stamps)
    return count


def _search(frame: bytes, stride: int, at: int, canaries: Canaries, stamps: dict[int, float]) -> None:
    column = frame[6::stride]
    for mark, word, token in canaries.marks:
        place = column.find(mark)
        while place >= 0:
            start = 4 + place * stride
            if frame.startswith(word, start):
                stamps[token] = _WORD.unpack_from(frame, start + at)[0]
            place = column.find(mark, place + 1)


def _walk(frame: bytes, count: int, canaries: Canaries, stamps: dict[int, float]) -> int:
    found: dict[int, float] = {}
    offset = 2
    end = len(frame)
    for _ in range(count):
        if offset + 2 + _SHORTEST_PACKET > end:
            raise MalformedFrameError("a packet is missing or too short")
        length, token = _HEAD.unpack_from(frame, offset)
        offset += 2
        if length < _SHORTEST_PACKET or offset + length > end:
            raise MalformedFrameError("a packet's length is too small or too large")
        if token in canaries.tokens and length in STAMP_AT:
            found[token] = _WORD.unpack_from(frame, offset + STAMP_AT[length])[0]
        offset += length
    _end(frame, offset, count)
    stamps.update(found)
    return count


def _end(frame: bytes, offset: int, count: int) -> int:
    if offset != len(frame):
        raise MalformedFrameError("there are bytes after the last packet")
    return count


def tokens_of(frame: bytes) -> list[int]:
    """The tokens of a frame that `read_stamps` has found well-formed."""
    tokens = []
    offset = 2
    while offset < len(frame):
        length, token = _HEAD.unpack_from(frame, offset)
        tokens.append(token)
        offset += 2 + length
    return tokens
