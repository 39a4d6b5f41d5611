"""Pure: on which line of a TOML text each key stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys, and indices of arrays, from the top."""

DEEPEST = 50
"""How far tables and arrays may nest; tomllib recurses, and its keys cost their length squared."""

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'""")
_STRING = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}'''
    r"""|'''(?:[^']|'(?!''))*+'{3,5}"""
    r"""|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'""",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]*+")


class TooDeepError(ValueError):
    """Keys or brackets nest further than `DEEPEST` on line `line`."""

    def __init__(self, line: int) -> None:
        super().__init__(f"nested more than {DEEPEST} levels deep")
        self.line = line


@dataclass(frozen=True, slots=True)
class Positions:
    """The 1-based line of each key path, and the file, where it is not the first one."""

    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)
    files: Mapping[KeyPath, Path] = field(default_factory=dict, repr=False)

    def line(self, path: Iterable[str | int]) -> int:
        """The line of `path`, else of its nearest parent; 1 where not even that is known."""
        return self.lines.get(self._nearest(path), 1)

    def file(self, path: Iterable[str | int]) -> Path | None:
        """The file in which that line is; `None` for the first one."""
        return self.files.get(self._nearest(path))

    def _nearest(self, path: Iterable[str | int]) -> KeyPath:
        keys = tuple(path)
        known = (keys[:length] for length in range(len(keys), 0, -1) if keys[:length] in self.lines)
        return next(known, ())


def positions(text: str) -> Positions:
    """Find the lines of all keys and array entries of a TOML text.

    A table stands where its header is, else where it is first named. The answer for a text
    that is not TOML is of no use, but it comes. Raises `TooDeepError`.
    """
    return Positions(_Scan(text).run())


def dotted(path: KeyPath) -> str:
    """A key path as people read it: `rule[0].when.feed`."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            words += ("." if words else "") + (part if bare else json.dumps(part))
    return words


def place(file: Path, found: Positions, key: KeyPath) -> str:
    """The beginning of every complaint: `agent.toml:14: machines.feed.stale_after`."""
    return f"{found.file(key) or file}:{found.line(key)}" + (f": {dotted(key)}" if key else "")


class _Scan:
    """One pass over the text; it always goes forward, so that it ends on any text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._goes_on():
            if self._eat("[["):
                table = self._header_of_entry()
            elif self._eat("["):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> KeyPath:
        table = self._resolve(self._keys())
        self._note(table)
        self._eat("]")
        return table

    def _header_of_entry(self) -> KeyPath:
        *parents, last = self._keys() or ("",)
        array = (*self._resolve(parents), last)
        self._tables[array] = self._tables.get(array, 0) + 1
        entry = (*array, self._tables[array] - 1)
        self._note(entry)
        self._eat("]]")
        return entry

    def _resolve(self, keys: Iterable[str]) -> KeyPath:
        """A header's keys as a path: an array of tables means its latest entry."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
            self._limit(path)
        return path

    def _pair(self, table: KeyPath) -> None:
        keys = self._keys()
        if not keys:
            self._at += 1
            return
        path = (*table, *keys)
        self._note(path)
        if self._goes_on() and self._eat("="):
            self._value(path)

    def _value(self, path: KeyPath) -> None:
        if not self._goes_on():
            return
        if self._eat("["):
            self._array(path)
        elif self._eat("{"):
            self._inline_table(path)
        else:
            found = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            self._at = found.end() if found else self._at

    def _array(self, path: KeyPath) -> None:
        index = 0
        while self._goes_on() and not self._eat("]"):
            before = self._at
            self._note((*path, index))
            self._value((*path, index))
            if self._goes_on() and not self._eat(",") and self._at == before:
                self._at += 1
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        while self._goes_on() and not self._eat("}"):
            if not self._eat(","):
                self._pair(path)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while self._goes_on() and (found := _KEY.match(self._text, self._at)):
            self._at = found.end()
            keys.append(_plain(found.group()))
            if not (self._goes_on() and self._eat(".")):
                break
        return keys

    def _note(self, path: KeyPath) -> None:
        """`path` stands here, and so do its parents, unless they stood somewhere before."""
        self._limit(path)
        line = self._here()
        self._lines[path] = line
        for length in range(1, len(path)):
            self._lines.setdefault(path[:length], line)

    def _limit(self, path: KeyPath) -> None:
        if len(path) > DEEPEST:
            raise TooDeepError(self._here())

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _goes_on(self) -> bool:
        """Go past blanks and comments; whether anything is left."""
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._at < len(self._text)

    def _eat(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True


def _plain(key: str) -> str:
    """A key as written to the key that is meant."""
    if key[0] not in "\"'":
        return key
    if key[0] == "'" or "\\" not in key:
        return key[1:-1]
    try:
        return next(iter(tomllib.loads(f"{key} = 0")))
    except tomllib.TOMLDecodeError:
        return key
