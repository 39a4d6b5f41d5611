"""Reads a small text file, whatever should turn out to stand at its path."""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF8, "begins with a byte order mark; save it as UTF-8 without one"),
    (codecs.BOM_UTF16_LE, "is UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "is UTF-16; save it as UTF-8"),
)
_FINDINGS = {
    FileNotFoundError: "there is no such file; check the path",
    PermissionError: "this user may not read it; check the owner and mode of the file and its folders",
}


class UnreadableError(ConfigError):
    """The finding and the remedy, without the place; `line` where one line is to blame."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class TextFile:
    """What stood in a file, and whether others than its owner may read it."""

    text: str = field(repr=False)
    is_open_to_others: bool = False


def read_text(path: Path, *, at_most: int) -> TextFile:
    """Read a regular file of at most `at_most` bytes of UTF-8. Raises `UnreadableError`.

    A named pipe or a device is refused rather than waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read(descriptor, at_most)
        finally:
            os.close(descriptor)
    except OSError as error:
        finding = _FINDINGS.get(type(error), f"it cannot be read: {error.strerror}; check the path")
        raise UnreadableError(finding) from error


def _read(descriptor: int, at_most: int) -> TextFile:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise UnreadableError(f"is {what}; expected a text file")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise UnreadableError(f"is larger than {at_most // 1024} kB; expected a small text file")
    return TextFile(_decode(content), bool(mode & 0o044))


def _decode(content: bytes) -> str:
    for mark, text in _MARKS:
        if content.startswith(mark):
            raise UnreadableError(text, 1)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(
            f"byte 0x{content[error.start]:02x} is not UTF-8; save it as UTF-8", line
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError("a NUL character; expected text, saved as UTF-8", line)
    return text
