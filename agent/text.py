"""Text as it may be shown: one line, no control signs, no more than fits."""

from __future__ import annotations

import re

LIMIT = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def plain(text: str, limit: int = LIMIT) -> str:
    """A text of one line: control and direction signs out, cut to the limit."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
