"""Finds the line of a TOML file that a value stands on, so that an error can name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Path = Sequence[str | int]

_NOT_CODE = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*')


def line_of(text: str, path: Path) -> int:
    """The line of the value at `path`, or of the nearest part of the path that is there.

    `("holidays", 1, "days", 3, "date")` is the fourth day of the second `[[holidays]]`.
    """
    code = _NOT_CODE.sub(lambda match: "_" * len(match.group()), text)
    at, end, rest = _table(code, path)
    for key in rest:
        found = _element(code, at, end, key) if isinstance(key, int) else _member(code, at, end, key)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _table(code: str, path: Path) -> tuple[int, int, Path]:
    """Where the table begins and ends that the path starts in, and the rest of the path."""
    if not path:
        return 0, len(code), ()
    nth = path[1] if len(path) > 1 and isinstance(path[1], int) else 0
    headers = list(re.finditer(rf"^[ \t]*\[+{re.escape(str(path[0]))}\]+", code, re.MULTILINE))
    if nth >= len(headers):
        return 0, len(code), path
    start = headers[nth]
    following = re.compile(r"^[ \t]*\[+[A-Za-z]", re.MULTILINE).search(code, start.end())
    is_list = start.group().lstrip().startswith("[[")
    return start.start(), following.start() if following else len(code), path[2 if is_list else 1 :]


def _member(code: str, at: int, end: int, key: str) -> int | None:
    match = re.compile(rf"(?<![\w-]){re.escape(key)}(?=\s*=)").search(code, at, end)
    return match.start() if match else None


def _element(code: str, at: int, end: int, nth: int) -> int | None:
    opening = code.find("[", code.find("=", at, end), end)
    for count, found in enumerate(_elements(code, opening + 1, end)):
        if count == nth:
            return found
    return None


def _elements(code: str, at: int, end: int) -> Iterator[int]:
    """Where each element of the array begins whose opening bracket was just passed."""
    depth, fresh = 0, True
    for match in re.compile(r"[\[\]{},]|[^\s\[\]{},]+").finditer(code, at, end):
        sign = match.group()
        if depth == 0 and fresh and sign not in ",]":
            yield match.start()
            fresh = False
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth == 0:
            fresh = True
        if depth < 0:
            return
