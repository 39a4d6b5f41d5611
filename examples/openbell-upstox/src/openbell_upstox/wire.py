"""Reads protobuf's wire format, as far as Upstox uses it: a message is numbered fields.

A watch needs the kind of a frame and the times of the last trades; Google's library would be one more
package, with a generated module that must fit its version. Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
LONGEST_VARINT = 10

Value = int | bytes


class BrokenMessage(ValueError):  # noqa: N818 - says what it is
    """Bytes that are no message."""


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The fields in order, each with its number; what has a fixed width comes as its bytes.

    Raises `BrokenMessage`.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag < 8:
            raise BrokenMessage("a field has the number 0")
        value, at = _value(message, at, tag & 7)
        yield tag >> 3, value


def last(message: bytes) -> dict[int, Value]:
    """The fields by number; of one that is repeated, the last, as protobuf has it."""
    return dict(fields(message))


def inner(held: Mapping[int, Value], number: int) -> bytes:
    """The bytes under a number: a message or a text; none where there is no such field."""
    value = held.get(number, b"")
    return value if isinstance(value, bytes) else b""


def integer(held: Mapping[int, Value], number: int) -> int:
    """The integer under a number; 0 where there is none, for proto3 leaves zeros out."""
    value = held.get(number, 0)
    return value if isinstance(value, int) else 0


def _value(message: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == VARINT:
        return _varint(message, at)
    if kind == LENGTH:
        length, at = _varint(message, at)
    elif kind in WIDTHS:
        length = WIDTHS[kind]
    else:
        raise BrokenMessage(f"a field has the wire type {kind}")
    if at + length > len(message):
        raise BrokenMessage("it ends within a field")
    return message[at : at + length], at + length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count, byte in enumerate(message[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + count + 1
    raise BrokenMessage("an integer does not end")
