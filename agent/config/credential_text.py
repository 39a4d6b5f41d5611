"""What the bytes of a credential's file must be before anyone looks for a value in them."""

from __future__ import annotations

import re

BOM = b"\xef\xbb\xbf"

LONGEST_VALUE = 4096
"""Longer than any token known, and short enough for a header."""

_READABLE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_VALUE}}}")
_WRITABLE = re.compile(rf"[A-Za-z0-9_.-]{{1,{LONGEST_VALUE}}}")


class FormatError(ValueError):
    """The content cannot be understood. The text says what and on which line, and never quotes it."""


def decoded(content: bytes) -> str:
    """The text without its byte order mark. Raises `FormatError` unless it is UTF-8 without NUL."""
    body = content.removeprefix(BOM)
    nul = body.find(b"\0")
    if nul >= 0:
        raise FormatError(f"line {line_of(body, nul)}: a NUL byte; save the file as UTF-8 text")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = line_of(body, error.start)
        raise FormatError(f"line {line}: not UTF-8; save the file as UTF-8 text") from None


def line_of(content: bytes, position: int) -> int:
    """The number of the line, from 1, that a byte is on."""
    return content.count(b"\n", 0, position) + 1


def checked(value: str, line: int = 1) -> str | None:
    """A value as a token may be, `None` if empty. Raises `FormatError` for anything else.

    A token travels in headers and addresses, where spaces and control signs do harm.
    """
    if not value:
        return None
    if not _READABLE.fullmatch(value):
        finding = "too long" if len(value) > LONGEST_VALUE else "not visible ASCII without spaces"
        raise FormatError(f"line {line}: the value is {finding}, so it cannot be a token")
    return value


def is_writable(value: str) -> bool:
    """Whether a value may be written: what needs no quoting in `.env`, JSON, a shell or an address."""
    return _WRITABLE.fullmatch(value) is not None
