"""Text as it may be shown: one line, no control signs, no more than fits."""

from __future__ import annotations

import re
from datetime import timedelta

LIMIT = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""What an operator calls something in `agent.toml`."""


def plain(text: str, limit: int = LIMIT) -> str:
    """A text of one line: control, invisible and direction signs out, cut to the limit."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def masked(recipient: str) -> str:
    """`d***@example.com`, `+4***`: enough for its owner to know it by; a plain name is shown whole."""
    if _NAME.fullmatch(recipient):
        return recipient
    name, at, domain = recipient.rpartition("@")
    return f"{name[:1]}***@{domain}" if at else f"{recipient[:2]}***"


def how_long(span: timedelta) -> str:
    """`14 s`, `3 min 2 s`, `1 h 4 min`, `2 d 3 h`: in the two largest units, and none below zero."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"
