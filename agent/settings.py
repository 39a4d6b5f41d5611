"""The types that settings are made of, in `agent.toml` and in a plugin's own table."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr, WithJsonSchema

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=3660)


def parse_duration(text: object) -> timedelta:
    """`"10s"`, `"1h30m"`, `"250ms"` to a `timedelta`. Raises `ValueError` with the remedy."""
    if isinstance(text, timedelta):
        return text
    parts = list(_DURATION.finditer(text)) if isinstance(text, str) else []
    if not parts or "".join(part.group() for part in parts) != text:
        raise ValueError('expected a duration such as "10s", "1h30m" or "250ms"')
    duration = sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)
    if duration > _LONGEST.total_seconds():
        raise ValueError("expected a duration of at most ten years")
    return timedelta(seconds=duration)


def format_duration(duration: timedelta) -> str:
    """A `timedelta` of zero or more as `agent.toml` writes it, to the millisecond: `"1h30m"`."""
    rest = round(duration.total_seconds() * 1000)
    parts = []
    for unit, size in (
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]
"""A span of time, written as in `"10s"`."""

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(MB|GB|TB)")
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(text: object) -> int:
    """`"500MB"` or `"1.5GB"` to bytes. Raises `ValueError` with the remedy."""
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('expected a size such as "500MB" or "2GB"')
    return round(float(found[1]) * _BYTES[found[2]])


def format_size(size: int) -> str:
    """Bytes for people, in MB or GB of a thousand: `"12.3MB"`."""
    unit = "GB" if size >= _BYTES["GB"] else "MB"
    return f"{size / _BYTES[unit]:.1f}".removesuffix(".0") + unit


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["500MB", "2GB"]}),
]
"""Bytes, written as in `"500MB"`."""

SecretText = SecretStr
"""A text that never shows itself; `get_secret_value()` has it."""


class Settings(BaseModel):
    """A table of `agent.toml`: frozen, and any key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
