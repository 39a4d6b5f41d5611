"""Reads protobuf's wire format, as far as Upstox uses it: a message is numbered fields.

Seventy lines instead of a generated module and a runtime of several megabytes, for the
three fields that a watch needs. Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
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
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise BrokenMessage("a field has the number 0")
        value, at = _value(message, at, kind)
        yield number, value


def submessages(message: bytes, number: int) -> Iterator[bytes]:
    """All that a message holds under this number; a map's entries are such messages as well."""
    for found, value in fields(message):
        if found == number and isinstance(value, bytes):
            yield value


def integer(message: bytes, number: int) -> int:
    """The last integer under this number, 0 where there is none: proto3 leaves zeros out."""
    found = [value for at, value in fields(message) if at == number and isinstance(value, int)]
    return found[-1] if found else 0


def text(message: bytes, number: int) -> str:
    """The last text under this number."""
    found = list(submessages(message, number))
    try:
        return found[-1].decode() if found else ""
    except UnicodeDecodeError:
        raise BrokenMessage("a text is not UTF-8") from None


def _value(message: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == VARINT:
        return _varint(message, at)
    if kind == LENGTH:
        length, at = _varint(message, at)
        return _take(message, at, length)
    widths = {FIXED64: 8, FIXED32: 4}
    if kind not in widths:
        raise BrokenMessage(f"a field has the wire type {kind}")
    return _take(message, at, widths[kind])


def _take(message: bytes, at: int, length: int) -> tuple[bytes, int]:
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
