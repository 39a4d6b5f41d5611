"""Text as it may be shown: one line, no control signs, no more than fits."""

from __future__ import annotations

import re

LIMIT = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


def plain(text: str, limit: int = LIMIT) -> str:
    """A text of one line: control, invisible and direction signs out, cut to the limit."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def masked(address: str) -> str:
    """`d***@example.com`: enough for its owner to know it by."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"
