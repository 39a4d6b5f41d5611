"""The types that settings are made of, in `agent.toml` and in a plugin's own table."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr

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

SecretText = SecretStr
"""A text that never shows itself; `get_secret_value()` has it."""


class Settings(BaseModel):
    """A table of `agent.toml`: frozen, and any key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
