"""The answer as a badge for a README or a wall: a word and its colour. Pure."""

from __future__ import annotations

from datetime import datetime
from html import escape

from agent.health.document import HealthDocument

LABEL = "desk"
NO_CONTACT = "no contact"

_COLORS = {
    "green": "#2a7d46",
    "blue": "#2b6cb0",
    "yellow": "#8a6100",
    "red": "#b42318",
    "grey": "#5f6670",
}
"""White letters on each of them have a contrast of 4.5 to 1 or more."""

_SIGNS = {"ok": "✓", "info": "✓", "warning": "!", "unknown": "?", "critical": "✕"}

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<rect width="{width}" height="20" rx="3" fill="#3b4048"/>
<path d="M{left} 0h{bend}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{bend}z" fill="{color}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="8" y="14" textLength="{label_length}">{label}</text>
<text x="{word_x}" y="14" textLength="{word_length}">{word}</text>
</g>
</svg>
"""

_LETTER = 7
"""Pixels that a letter is given; `textLength` holds the text to it, whatever the font."""


def badge(document: HealthDocument | None, now: datetime) -> str:
    """The badge of a document; grey when there is none that may still be trusted."""
    if document is None or now >= document.valid_until:
        return _drawn(NO_CONTACT, _COLORS["grey"])
    words = document.code.replace("_", " ")
    color = _COLORS.get(document.color, _COLORS["grey"])
    return _drawn(f"{_SIGNS[document.severity]} {words}", color)


def _drawn(word: str, color: str) -> str:
    label_length, word_length = len(LABEL) * _LETTER, len(word) * _LETTER
    left = label_length + 16
    return _SVG.format(
        width=left + word_length + 16,
        left=left,
        bend=word_length + 13,
        title=escape(f"{LABEL}: {word}"),
        label=LABEL,
        label_length=label_length,
        word=escape(word),
        word_x=left + 8,
        word_length=word_length,
        color=color,
    )
