"""A link as a code for a phone's camera, in half blocks: two modules in the height of a letter."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""By the upper and the lower module; dark ones are drawn, so a code wants a light ground."""

QUIET_ZONE = 2


def opens_on_a_phone(link: str) -> bool:
    """Whether the link's host is more than this machine's own name for itself."""
    host = urlsplit(link).hostname or ""
    return host != "localhost" and not host.startswith("127.") and host != "::1"


def qr_lines(link: str, rows: int) -> list[str]:
    """The lines of a link's code that fit so many rows; none if none does."""
    import segno

    code = segno.make(link, error="l", boost_error=False, micro=False)
    for border in range(QUIET_ZONE, 0, -1):
        lines = half_blocks([list(row) for row in code.matrix_iter(border=border)])
        if len(lines) <= rows:
            return lines
    return []


def half_blocks(modules: Sequence[Sequence[int]]) -> list[str]:
    """Two rows of modules in each line."""
    even = [*modules, [0] * len(modules[0])] if len(modules) % 2 else modules
    pairs = zip(even[::2], even[1::2], strict=True)
    return ["".join(BLOCKS[bool(a), bool(b)] for a, b in zip(*pair, strict=True)) for pair in pairs]
