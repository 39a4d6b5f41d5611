"""Reads a calendar file or an overlay; what is wrong with it is said by file, line, finding and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from agent.api import ConfigError
from plugins.market.checks import Complaint, check_calendar, check_overlay
from plugins.market.lines import line_of
from plugins.market.segment import Segment, overlaid, segments_of
from plugins.market.sheet import CalendarFile, OverlayFile

FileT = TypeVar("FileT", CalendarFile, OverlayFile)

_REMEDIES = {
    "extra_forbidden": "this key is not known here; remove it or correct its spelling",
    "missing": "this key is missing; add it",
    "date_type": "expected a date such as 2026-11-08",
    "time_type": "expected a time such as 09:15:00",
    "model_type": "or a table { zone = ..., daylight = ..., standard = ... }",
    "tuple_type": 'expected a list such as ["NSE_EQ"]',
    "string_type": "expected a text in quotes",
    "string_too_short": "expected a text that is not empty",
    "too_short": "expected at least one entry",
}


def read_calendar(path: Path) -> dict[str, Segment]:
    """The segments of an exchange's file by name. Raises `ConfigError`, one complaint a line."""
    text = _text(path)
    sheet = _shape(path, text, CalendarFile)
    _refuse(path, text, check_calendar(sheet))
    return segments_of(sheet)


def read_overlay(path: Path, segments: dict[str, Segment]) -> dict[str, Segment]:
    """The segments as the operator's file has them. Raises `ConfigError`, one complaint a line."""
    text = _text(path)
    sheet = _shape(path, text, OverlayFile)
    _refuse(path, text, check_overlay(sheet, segments))
    return {name: overlaid(segment, sheet) for name, segment in segments.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; create it or correct the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected a TOML file in UTF-8") from error


def _shape(path: Path, text: str, shape: type[FileT]) -> FileT:
    try:
        return shape.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_not_toml(path, text, str(error))) from error
    except ValidationError as error:
        complaints = (_complaint(found["loc"], found["type"], found["msg"]) for found in error.errors())
        _refuse(path, text, complaints)
        raise


def _not_toml(path: Path, text: str, found: str) -> str:
    place = re.search(r" \(at line (\d+), .*\)$", found)
    line = place.group(1) if place else str(text.count("\n") + 1)
    said = found[: place.start()] if place else found
    return f"{path}:{line}: not TOML: {said}; correct the line"


def _complaint(place: tuple[str | int, ...], kind: str, message: str) -> Complaint:
    # pydantic names the branch of a union (`time`, `FollowedClose`) in the place; no key is called so
    keys = tuple(key for key in place if key not in ("time", "FollowedClose"))
    return Complaint(keys, _REMEDIES.get(kind, message))


def _refuse(path: Path, text: str, complaints: Iterable[Complaint]) -> None:
    lines = sorted({(line_of(text, found.place), str(found)) for found in complaints})
    if lines:
        raise ConfigError("\n".join(f"{path}:{line}: {said}" for line, said in lines))
