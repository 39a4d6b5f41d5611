"""Reads and writes one key of a `.env` file, and leaves every other byte of it alone.

Stricter than most readers on purpose: nothing is interpolated (`a${X}b` stays what it is), a
quote that does not end is an error and swallows nothing, and what stands behind a closing quote
must be a comment. The last of several assignments to one key wins, as in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from agent.config.credential_text import BOM, FormatError, checked, decoded, line_of

_HEAD = re.compile(rb"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=")
_BLANKS = re.compile(rb"[ \t]*")
_LINE = re.compile(rb"[^\n]*")
_COMMENT = re.compile(rb"[ \t]#")
_REST = re.compile(rb"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
_QUOTED = {
    b'"': re.compile(rb'"(?P<inside>(?:\\.|[^"\\])*)"', re.DOTALL),
    b"'": re.compile(rb"'(?P<inside>[^']*)'"),
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """`KEY=value`, and where in the content the value lies, without its quotes."""

    key: bytes
    line: int
    start: int
    end: int


def read(content: bytes, key: str) -> str | None:
    """The value of a key; `None` if it is missing or empty. Raises `FormatError`."""
    decoded(content)
    found = _last(content, key)
    return None if found is None else checked(content[found.start : found.end].decode(), found.line)


def find(content: bytes, key: str) -> str | None:
    """The value of a key, whatever it is; `None` if it is missing. Raises `FormatError`."""
    decoded(content)
    found = _last(content, key)
    return None if found is None else content[found.start : found.end].decode()


def quoted(value: str) -> str:
    """A value as an assignment writes it, such that `find` gives it back. Raises `FormatError`."""
    if "\n" not in value:
        for written in (value, f"'{value}'"):
            with suppress(FormatError):
                if find(f"K={written}\n".encode(), "K") == value:
                    return written
    raise FormatError("a value with line ends, or with quotes and blanks, cannot be written")


def write(content: bytes, key: str, value: str) -> bytes:
    """The content with the key's value, and nothing else, changed. Raises `FormatError`.

    Of several assignments the last is changed, the one that counts. A missing key is added as
    the last line, with the line end that the file has.
    """
    decoded(content)
    found = _last(content, key)
    if found is not None:
        return content[: found.start] + value.encode() + content[found.end :]
    end = b"\r\n" if b"\r\n" in content else b"\n"
    glue = b"" if content.removeprefix(BOM) == b"" or content.endswith(b"\n") else end
    return content + glue + f"{key}={value}".encode() + end


def _last(content: bytes, key: str) -> Assignment | None:
    ours = [found for found in assignments(content) if found.key == key.encode()]
    return ours[-1] if ours else None


def assignments(content: bytes) -> Iterator[Assignment]:
    """Every assignment, in order; lines that are none are passed over. Raises `FormatError`."""
    position = len(BOM) if content.startswith(BOM) else 0
    while position < len(content):
        head = _HEAD.match(content, position)
        if head is None:
            position = _next_line(content, position)
            continue
        found, position = _value(content, head)
        yield found


def _value(content: bytes, head: re.Match[bytes]) -> tuple[Assignment, int]:
    """The assignment that begins with `head`, and the start of the line after it."""
    line = line_of(content, head.start())
    start = _end(_BLANKS, content, head.end())
    quoted = _QUOTED.get(content[start : start + 1])
    if quoted is None:
        start, end = _bare(content, head.end())
        return Assignment(head["key"], line, start, end), _next_line(content, head.end())
    value = quoted.match(content, start)
    if value is None:
        raise FormatError(f"line {line}: a quote that does not end; close it, or take it away")
    rest = _REST.match(content, value.end())
    if rest is None:
        last = line_of(content, value.end())
        raise FormatError(f"line {last}: text behind a closing quote; the quote opened on line {line}")
    return Assignment(head["key"], line, *value.span("inside")), rest.end()


def _bare(content: bytes, start: int) -> tuple[int, int]:
    """Where an unquoted value lies: to the end of its line, or to a comment after a blank."""
    end = _end(_LINE, content, start)
    comment = _COMMENT.search(content, start, end)
    text = content[start : comment.start() if comment else end]
    value = text.strip()
    if not value:
        return start, start
    first = start + text.index(value)
    return first, first + len(value)


def _next_line(content: bytes, position: int) -> int:
    return _end(_LINE, content, position) + 1


def _end(pattern: re.Pattern[bytes], content: bytes, position: int) -> int:
    """Where a pattern that always matches ends."""
    match = pattern.match(content, position)
    return position if match is None else match.end()
