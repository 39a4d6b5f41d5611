"""Reads and writes one text member of a JSON file, and leaves every other byte of it alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.config.credential_text import BOM, FormatError, checked, decoded

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Member:
    """A member's value, and where in the text it stands."""

    value: Any
    start: int
    end: int


def read(content: bytes, key: str) -> str | None:
    """The text under a dotted key; `None` if missing, empty or null. Raises `FormatError`."""
    text = decoded(content)
    if not text.strip():
        return None
    found = _find(text, key.split("."))
    value = None if found is None else found.value
    if value is None:
        return None
    if not isinstance(value, str):
        raise FormatError(f"{key}: expected a text, found {type(value).__name__}")
    return checked(value, text.count("\n", 0, found.start if found else 0) + 1)


def write(content: bytes, key: str, value: str) -> bytes:
    """The content with that one text changed; added if its object is there. Raises `FormatError`."""
    text = decoded(content)
    mark = BOM if content.startswith(BOM) else b""
    path = key.split(".")
    if not text.strip():
        text = "{}\n"
    found = _find(text, path)
    if found is not None:
        return mark + _spliced(text, found.start, found.end, json.dumps(value))
    for depth in range(len(path) - 1, -1, -1):
        parent = _find(text, path[:depth])
        if parent is not None:
            return mark + _added(text, parent, path[depth:], value)
    raise FormatError("an object was expected")  # pragma: no cover - `_find` has seen the whole


def _added(text: str, parent: _Member, path: Sequence[str], value: str) -> bytes:
    if not isinstance(parent.value, dict):
        raise FormatError(f"{'.'.join(path)}: an object was expected to hold it")
    inner: object = value
    for name in reversed(path[1:]):
        inner = {name: inner}
    comma = ", " if parent.value else ""
    member = f"{json.dumps(path[0])}: {json.dumps(inner)}{comma}"
    return _spliced(text, parent.start + 1, parent.start + 1, member)


def _spliced(text: str, start: int, end: int, part: str) -> bytes:
    return (text[:start] + part + text[end:]).encode()


def _find(text: str, path: Sequence[str]) -> _Member | None:
    """The member under a path, `None` if there is none; the empty path is the whole."""
    start = _blanks(text, 0)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise FormatError(f"line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise FormatError("nested too deeply") from None
    if text[end:].strip():
        raise FormatError(f"line {text.count(chr(10), 0, end) + 1}: text behind the end of the JSON value")
    member: _Member | None = _Member(value, start, end)
    for name in path:
        if member is None or not isinstance(member.value, dict):
            return None
        member = _member(text, member, name)
    return member


def _member(text: str, parent: _Member, wanted: str) -> _Member | None:
    """The member of an object that is known to be well formed; the last of that name."""
    found = None
    position = _blanks(text, parent.start + 1)
    while text[position] != "}":
        name, end = _DECODER.raw_decode(text, position)
        start = _blanks(text, _blanks(text, end) + 1)
        value, end = _DECODER.raw_decode(text, start)
        if name == wanted:
            found = _Member(value, start, end)
        position = _blanks(text, end)
        if text[position] == ",":
            position = _blanks(text, position + 1)
    return found


def _blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return position if match is None else match.end()
