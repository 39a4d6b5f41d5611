"""Text as it may be shown: one line, no control signs, no more than fits."""

from __future__ import annotations

import re

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
