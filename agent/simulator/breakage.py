"""Frames that no client should trust, made from good ones."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from agent.simulator.faults import Breakage
from agent.simulator.prices import mix


def broken(frame: bytes, kind: Breakage | None, turn: int) -> bytes | str:
    """The frame, spoiled; with no `kind`, each takes its turn. A text is to be sent as a text."""
    chosen = kind or tuple(Breakage)[turn % len(Breakage)]
    return _BREAKERS[chosen](frame, turn)


def _truncated(frame: bytes, _turn: int) -> bytes:
    """The last packet ends before its length says."""
    return frame[:-3]


def _count(frame: bytes, _turn: int) -> bytes:
    """More packets are announced than follow."""
    return b"\xff\xff" + frame[2:]


def _length(_frame: bytes, turn: int) -> bytes:
    """One packet, well framed, of a length that no mode has."""
    return struct.pack(">HH", 1, 13) + turn.to_bytes(13)


def _garbage(_frame: bytes, turn: int) -> bytes:
    return b"".join(mix(turn, word).to_bytes(8) for word in range(12))


def _empty(_frame: bytes, _turn: int) -> bytes:
    return b""


def _text(_frame: bytes, _turn: int) -> str:
    """A text frame that is no JSON."""
    return '{"type": "order", "data": {'


_BREAKERS: Final[Mapping[Breakage, Callable[[bytes, int], bytes | str]]] = {
    Breakage.TRUNCATED: _truncated,
    Breakage.COUNT: _count,
    Breakage.LENGTH: _length,
    Breakage.GARBAGE: _garbage,
    Breakage.EMPTY: _empty,
    Breakage.TEXT: _text,
}
