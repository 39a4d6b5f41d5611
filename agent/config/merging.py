"""Pure: two TOML documents as one; tables merge, arrays of tables append, nothing is said twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from agent.config.positions import KeyPath, Positions

Values = dict[str, object]
Double = tuple[KeyPath, str]
"""A key that both have, and what is wrong with that."""


def merge(
    values: Mapping[str, object], found: Positions, more: Mapping[str, object], at: Positions, file: Path
) -> tuple[Values, Positions, list[Double]]:
    """The values of both, their positions, and each key of `more` that stands in both.

    `at` are the positions of `more`, which stands in `file`. The entries that it adds to an
    array of tables come behind those that are there.
    """
    work = _Merging()
    merged = work.tables(values, more, ())
    return merged, _positions(found, at, file, work.offsets), work.doubles


@dataclass(slots=True)
class _Merging:
    """`offsets` are the arrays that were appended to, with the number of entries there were."""

    doubles: list[Double] = field(default_factory=list)
    offsets: dict[KeyPath, int] = field(default_factory=dict)

    def tables(self, values: Mapping[str, object], more: Mapping[str, object], path: KeyPath) -> Values:
        merged = dict(values)
        for key, value in more.items():
            there = values.get(key)
            merged[key] = value if key not in values else self._both(there, value, (*path, key))
        return merged

    def _both(self, there: object, value: object, path: KeyPath) -> object:
        if isinstance(there, dict) and isinstance(value, dict):
            return self.tables(there, value, path)
        if _are_tables(there) and _are_tables(value):
            self.offsets[path] = len(there)
            return [*there, *value]
        is_same = _shape(there) == _shape(value)
        self.doubles.append((path, "given twice" if is_same else "given as two things"))
        return there


def _are_tables(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _shape(value: object) -> str:
    return "table" if isinstance(value, dict) else "tables" if _are_tables(value) else "value"


def _positions(found: Positions, at: Positions, file: Path, offsets: Mapping[KeyPath, int]) -> Positions:
    """The positions of both; a table that both have stands where it stood first."""
    lines, files = dict(found.lines), dict(found.files)
    for path, line in at.lines.items():
        moved = _moved(path, offsets)
        if moved not in lines:
            lines[moved], files[moved] = line, file
    return Positions(lines, files)


def _moved(path: KeyPath, offsets: Mapping[KeyPath, int]) -> KeyPath:
    """A path of the second document as it is in both."""
    for array, offset in _arrays_above(path, offsets):
        index = path[len(array)]
        if isinstance(index, int):
            return (*array, index + offset, *path[len(array) + 1 :])
    return path


def _arrays_above(path: KeyPath, offsets: Mapping[KeyPath, int]) -> Iterator[tuple[KeyPath, int]]:
    for length in range(1, len(path)):
        if path[:length] in offsets:
            yield path[:length], offsets[path[:length]]
